//! What model calls cost, wired: the ledger is told by telemetry, and written every few seconds.

use std::sync::Arc;
use std::time::Duration;

use bedplate_api_bedrock::Meter;
use bedplate_base::{Clock as _, Result};
use bedplate_cost::{Ledger, Prices, Tokens};
use bedplate_journal::ExecId;
use bedplate_store::Store;
use bedplate_telemetry::{Use, Watch};

use crate::clock::SystemClock;
use crate::config::Config;

/// How long sums stay in memory only. Ours: a crash makes the next start count them from the journal.
const EVERY: Duration = Duration::from_secs(5);

/// The agent under which calls of `bedrock-runtime` are summed: they have none.
const DIRECT: &str = "(bedrock-runtime)";

/// Tells `watch` of the model calls of `bedrock-runtime`. They have no journal: what a crash takes before the next write is not counted.
pub(crate) fn meter(watch: &Arc<Watch>) -> Meter {
    let (watch, clock) = (Arc::clone(watch), SystemClock::default());
    Arc::new(move |asked| {
        let reply = match asked.outcome {
            Ok(reply) => reply,
            Err(failure) => return watch.unanswered(asked.model, failure.fault.as_str()),
        };
        let exec = ExecId::new(format!("direct/{}/{}/{DIRECT}", asked.place.account, asked.place.region));
        let used = Use {
            exec: &exec,
            seq: 0,
            at: clock.now(),
            provider: &reply.facts.provider,
            model: &reply.model,
            input_tokens: reply.usage.uncached_input_tokens(),
            output_tokens: reply.usage.output_tokens,
            cache_read_tokens: reply.usage.cache_read_tokens,
            cache_write_tokens: reply.usage.cache_write_tokens,
        };
        watch.answered(&used, asked.took);
    })
}

/// Sums and prices.
pub(crate) struct Paid {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) prices: Arc<Prices>,
}

impl Paid {
    /// Reads the sums, and counts what the last process had not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn open(store: Arc<dyn Store>, config: &Config) -> Result<Self> {
        Ok(Self {
            ledger: Arc::new(Ledger::open(store).await?),
            prices: Arc::clone(&config.prices),
        })
    }

    /// Writes what is new, for ever.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.flush().await;
        }
    }

    /// Writes what is new.
    pub(crate) async fn flush(&self) {
        if let Err(error) = self.ledger.flush().await {
            tracing::warn!(target: "bedplate", %error, "sums of model calls stay in memory for now");
        }
    }
}

impl bedplate_telemetry::Ledger for Paid {
    fn used(&self, used: &Use<'_>) -> Option<f64> {
        self.ledger
            .used(used.exec, used.seq, used.at, used.provider, used.model, tokens(used));
        self.cost(used)
    }

    fn cost(&self, used: &Use<'_>) -> Option<f64> {
        self.prices
            .cost(used.provider, used.model, &bedplate_cost::day(used.at), &tokens(used))
    }
}

fn tokens(used: &Use<'_>) -> Tokens {
    Tokens {
        calls: 1,
        input: used.input_tokens,
        output: used.output_tokens,
        cache_read: used.cache_read_tokens,
        cache_write: used.cache_write_tokens,
    }
}
