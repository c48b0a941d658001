//! What model calls cost, wired: the ledger is told by telemetry, and written every few seconds.

use std::sync::Arc;
use std::time::Duration;

use bedplate_api_bedrock::{self as model, Asked, Meter, Question};
use bedplate_base::{Result, Timestamp};
use bedplate_cost::{Ledger, Prices, Tokens};
use bedplate_journal::ExecId;
use bedplate_store::Store;
use bedplate_telemetry::{Asks, Came, Direct, Use, Watch};

use crate::clock::SystemClock;
use crate::config::Config;

/// How long sums stay in memory only. Ours: a crash makes the next start count them from the journal.
const EVERY: Duration = Duration::from_secs(5);

/// The agent under which calls of `bedrock-runtime` are summed: they have none.
const DIRECT: &str = "(bedrock-runtime)";

/// Tells of the model calls of `bedrock-runtime`. They have no journal: what a crash takes before the next write is not counted.
pub(crate) struct Told(pub(crate) Arc<Watch>);

impl Meter for Told {
    fn parent(&self, asked: &Asked<'_>) -> Option<Arc<str>> {
        self.0.leads(&direct(asked, &exec(asked)))
    }

    fn over(&self, asked: &Asked<'_>, began: Timestamp, ended: Timestamp, came: model::Came<'_>) {
        let came = match came {
            model::Came::Reply(reply) => Came::Reply(reply),
            model::Came::Embedded(embedded) => Came::Embeddings {
                provider: &embedded.provider,
                model: &embedded.model,
                input_tokens: embedded.input_tokens,
            },
            model::Came::Failure(failure) => Came::Failure(failure.fault.as_str(), &failure.cause),
            model::Came::Nothing => Came::Nothing,
        };
        self.0.came(&direct(asked, &exec(asked)), began, ended, &came);
    }
}

fn exec(asked: &Asked<'_>) -> ExecId {
    ExecId::new(format!("direct/{}/{}/{DIRECT}", asked.place.account, asked.place.region))
}

fn direct<'a>(asked: &Asked<'a>, exec: &'a ExecId) -> Direct<'a> {
    Direct {
        exec,
        request_id: asked.request_id,
        trace_parent: asked.trace_parent,
        asks: match asked.question {
            Question::Chat(request) => Asks::Chat(request),
            Question::Embeddings(model) => Asks::Embeddings(model),
        },
    }
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
            ledger: Arc::new(Ledger::open(store, Arc::new(SystemClock::default())).await?),
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
