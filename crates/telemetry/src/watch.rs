//! The engine's observer: what is committed becomes counts, log lines and spans.
//!
//! Sessions are kept only while a request of theirs is open, in shards, so that cores do not wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bedplate_base::Timestamp;
use bedplate_converse::Request as ModelRequest;
use bedplate_engine::Observer;
use bedplate_journal::{Call, Event, ExecId, Outcome, Payload, Raw, Step};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::tracer::{self, Called, Replied, Tool, Tracer};
use crate::turns::{End, Happened, Session, Turn, What};
use crate::{Board, Exporter, TelemetryConfig};

/// Locks among which sessions are spread.
const SHARDS: usize = 16;
/// Sessions of one shard that are looked after at once; the engine works on 4,096 in all.
const SESSIONS_MAX: usize = 4_096;
/// Equal calls in one turn that look like a loop.
const LOOP: u32 = 3;
/// The provider of what is built in.
pub(crate) const BUILTIN: &str = "builtin";

/// One model call's tokens.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The execution that called.
    pub exec: &'a ExecId,
    /// The number of the event that holds the reply.
    pub seq: u64,
    /// Its time.
    pub at: Timestamp,
    /// The provider as configured; `builtin` for what is built in.
    pub provider: &'a str,
    /// The model that answered.
    pub model: &'a str,
    /// Read, without what a cache was concerned with.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
    /// Read from the provider's cache.
    pub cache_read_tokens: u64,
    /// Written to the provider's cache.
    pub cache_write_tokens: u64,
}

/// Keeps what model calls use, and knows what they cost.
pub trait Ledger: Send + Sync {
    /// Writes it down; tells its cost in US dollars, when the price is known.
    fn used(&self, used: &Use<'_>) -> Option<f64>;

    /// What it costs, without writing it down.
    fn cost(&self, used: &Use<'_>) -> Option<f64>;
}

/// The observer.
pub struct Watch {
    pub(crate) board: Arc<Board>,
    pub(crate) ledger: Option<Arc<dyn Ledger>>,
    pub(crate) tracer: Option<Tracer>,
    shards: Vec<Mutex<HashMap<ExecId, Watched>>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Watched {
    session: Session,
    /// How often a function was called with the same arguments in the turn that runs.
    same: HashMap<u64, u32>,
}

/// What is told of a model's reply.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reply {
    usage: Usage,
    stop_reason: String,
    model: String,
    provider: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
}

/// What is told of a function's call.
#[derive(Deserialize)]
struct ToolInput<'a> {
    #[serde(borrow)]
    event: ToolEvent<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToolEvent<'a> {
    action_group: String,
    function: String,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToolOutput {
    init_ms: Option<u64>,
    tool_error: Option<String>,
}

impl Watch {
    /// Tells `board`, and `ledger` where there is one.
    pub fn new(board: Arc<Board>, ledger: Option<Arc<dyn Ledger>>) -> Self {
        Self {
            board,
            ledger,
            tracer: None,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Sends traces, too.
    pub fn with_traces(mut self, exporter: Exporter, config: &TelemetryConfig) -> Self {
        self.tracer = Some(Tracer::new(exporter, config));
        self
    }

    fn shard(&self, exec: &ExecId) -> MutexGuard<'_, HashMap<ExecId, Watched>> {
        let number = usize::try_from(self.hasher.hash_one(exec) % SHARDS as u64).unwrap_or(0);
        self.shards[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happened(&self, exec: &ExecId, watched: &mut Watched, happened: Happened, quiet: bool) {
        match happened {
            Happened::Call {
                open,
                seq,
                ended,
                iteration,
                outcome,
            } => {
                let Some(turn) = &mut watched.session.active else { return };
                let said = Said {
                    exec,
                    seq,
                    step: &open.step,
                    started: open.at,
                    ended,
                    iteration,
                    outcome: &outcome,
                    quiet,
                };
                match &open.what {
                    What::Model(request) => self.model(&said, turn, request.as_deref()),
                    What::Tool(input) => self.tool(&said, turn, &mut watched.same, input),
                }
            }
            Happened::End { turn, ended, end } => {
                watched.same.clear();
                if !quiet {
                    self.end(exec, *turn, ended, &end);
                }
            }
        }
    }

    fn model(&self, said: &Said<'_>, turn: &mut Turn, request: Option<&ModelRequest>) {
        let (ms, session) = (said.ms(), turn.message().session_id.clone());
        turn.model_calls += 1;
        let Outcome::Success(value) = said.outcome else {
            let (kind, cause) = failure(said.outcome);
            if let Some(tracer) = &self.tracer {
                tracer.chat(&said.called(Some((kind, cause))), turn, request, None);
            }
            if !said.quiet {
                let model = request.map_or("-", |request| request.model.as_str());
                self.board.model_calls.add(&["-", model, kind], 1);
                self.board.errors.add(&[kind], 1);
                tracing::warn!(
                    target: "bedplate::turn", session, request_id = &*turn.id, iteration = said.iteration, model, ms, kind, cause, "model failed"
                );
            }
            return;
        };
        let mut reply: Reply = serde_json::from_str(value.raw().as_str()).unwrap_or_default();
        if reply.provider.is_empty() {
            BUILTIN.clone_into(&mut reply.provider);
        }
        let used = Use {
            exec: said.exec,
            seq: said.seq,
            at: said.ended,
            provider: &reply.provider,
            model: &reply.model,
            input_tokens: reply.usage.input_tokens,
            output_tokens: reply.usage.output_tokens,
            cache_read_tokens: reply.usage.cache_read_input_tokens,
            cache_write_tokens: reply.usage.cache_write_input_tokens,
        };
        let dollars = self.ledger.as_ref().and_then(|ledger| match said.quiet {
            true => ledger.cost(&used),
            false => ledger.used(&used),
        });
        let input_tokens = used.input_tokens + used.cache_read_tokens + used.cache_write_tokens;
        turn.input_tokens += input_tokens;
        turn.output_tokens += used.output_tokens;
        turn.dollars = turn.dollars.zip(dollars).map(|(sum, dollars)| sum + dollars);
        if let Some(tracer) = &self.tracer {
            let replied = Replied {
                used: &used,
                stop: &reply.stop_reason,
                dollars,
                raw: value.raw().as_str(),
            };
            tracer.chat(&said.called(None), turn, request, Some(replied));
        }
        if said.quiet {
            return;
        }
        self.count(&used, said.ended.since(said.started), dollars);
        tracing::info!(
            target: "bedplate::turn", session, request_id = &*turn.id, iteration = said.iteration, provider = reply.provider,
            model = reply.model, ms, input_tokens, output_tokens = used.output_tokens, cached_tokens = used.cache_read_tokens,
            cost_usd = dollars, stop = reply.stop_reason, "model"
        );
    }

    pub(crate) fn count(&self, used: &Use<'_>, time: std::time::Duration, dollars: Option<f64>) {
        let who = [used.provider, used.model];
        self.board.model_calls.add(&[used.provider, used.model, "ok"], 1);
        self.board.model_seconds.took(&[used.provider], time);
        for (kind, tokens) in [
            ("input", used.input_tokens),
            ("output", used.output_tokens),
            ("cache_read", used.cache_read_tokens),
            ("cache_write", used.cache_write_tokens),
        ] {
            if tokens > 0 {
                self.board.tokens.add(&[used.provider, used.model, kind], tokens);
            }
        }
        if let Some(dollars) = dollars.filter(|dollars| *dollars > 0.0) {
            self.board.dollars.add(&who, (dollars * 1e9) as u64);
        }
    }

    fn tool(&self, said: &Said<'_>, turn: &mut Turn, same: &mut HashMap<u64, u32>, input: &Raw) {
        turn.tool_calls += 1;
        if said.quiet && self.tracer.is_none() {
            return;
        }
        let event = serde_json::from_str::<ToolInput<'_>>(input.as_str())
            .map(|input| input.event)
            .unwrap_or_default();
        let arguments = event.parameters.map_or("", |parameters| parameters.get());
        let (function, ms) = (event.function.as_str(), said.ms());
        let output: ToolOutput = match said.outcome {
            Outcome::Success(value) => serde_json::from_str(value.raw().as_str()).unwrap_or_default(),
            _ => ToolOutput::default(),
        };
        let (kind, cause) = match (&output.tool_error, said.outcome) {
            (Some(error), _) => ("tool error", error.as_str()),
            (None, Outcome::Success(_)) => ("ok", ""),
            (None, outcome) => failure(outcome),
        };
        if let Some(tracer) = &self.tracer {
            let tool = Tool {
                group: &event.action_group,
                function,
                arguments,
                result: match said.outcome {
                    Outcome::Success(value) => value.raw().as_str(),
                    _ => "",
                },
                init_ms: output.init_ms,
            };
            tracer.tool(&said.called((kind != "ok").then_some((kind, cause))), turn, &tool);
        }
        if said.quiet {
            return;
        }
        self.board
            .tool_calls
            .add(&[function, if kind == "ok" { "ok" } else { "failed" }], 1);
        self.board.tool_seconds.took(&[function], said.ended.since(said.started));
        if let Some(init_ms) = output.init_ms {
            self.board.cold_start_seconds.took(&[], std::time::Duration::from_millis(init_ms));
        }
        let (session, request_id) = (turn.message().session_id.as_str(), &*turn.id);
        let (group, iteration, argument_bytes) = (event.action_group.as_str(), said.iteration, arguments.len());
        if kind == "ok" {
            tracing::info!(
                target: "bedplate::turn", session, request_id, iteration, group, function, argument_bytes, ms, init_ms = output.init_ms, ok = true, "tool"
            );
        } else {
            self.board.errors.add(&[kind], 1);
            tracing::warn!(
                target: "bedplate::turn", session, request_id, iteration, group, function, argument_bytes, ms, ok = false, kind, cause, "tool"
            );
        }
        let seen = same.entry(self.hasher.hash_one((function, group, arguments))).or_default();
        *seen += 1;
        if *seen == LOOP {
            tracing::warn!(target: "bedplate::turn", session, request_id, function, "the same call for the third time in this turn: a loop?");
        }
    }

    fn end(&self, exec: &ExecId, turn: Turn, ended: Timestamp, end: &End) {
        let time = ended.since(turn.at);
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let outcome = match end {
            End::Answered { asks: false, .. } => "answered",
            End::Answered { asks: true, .. } => "asks_user",
            End::Asked => "return_control",
            End::Failed { .. } => "failed",
        };
        self.board.turns.add(&[outcome], 1);
        self.board.turn_seconds.took(&[outcome], time);
        self.board.turn_model_calls.observe(&[], turn.model_calls.into());
        let (session, request_id) = (turn.message().session_id.as_str(), &*turn.id);
        let agent = turn.message().agent.name.as_str();
        let (model_calls, tool_calls) = (turn.model_calls, turn.tool_calls);
        let (input_tokens, output_tokens, cost_usd) = (turn.input_tokens, turn.output_tokens, turn.dollars);
        match end {
            End::Failed { code, message, detail } => {
                self.board.errors.add(&[code], 1);
                tracing::warn!(
                    target: "bedplate::turn", session, request_id, agent, outcome, ms, model_calls, tool_calls, input_tokens, output_tokens, cost_usd,
                    code, message, detail, "turn"
                );
            }
            End::Answered { bytes, .. } => tracing::info!(
                target: "bedplate::turn", session, request_id, agent, outcome, ms, model_calls, tool_calls, input_tokens, output_tokens, cost_usd,
                bytes, "turn"
            ),
            End::Asked => tracing::info!(
                target: "bedplate::turn", session, request_id, agent, outcome, ms, model_calls, tool_calls, input_tokens, output_tokens, cost_usd,
                "turn"
            ),
        }
        if let Some(tracer) = &self.tracer {
            let (_, unsampled) = tracer.end(exec, turn, ended, end);
            if unsampled > 0 {
                self.board.spans.add(&["unsampled"], unsampled);
            }
        }
    }
}

/// A call that is over.
struct Said<'a> {
    exec: &'a ExecId,
    seq: u64,
    step: &'a Step,
    started: Timestamp,
    ended: Timestamp,
    iteration: u32,
    outcome: &'a Outcome,
    /// It was told before, by another process.
    quiet: bool,
}

impl Said<'_> {
    fn called<'b>(&'b self, error: Option<(&'b str, &'b str)>) -> Called<'b> {
        Called {
            exec: self.exec,
            step: self.step,
            started: self.started,
            ended: self.ended,
            error,
        }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.ended.since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// A failure's kind and cause.
fn failure(outcome: &Outcome) -> (&str, &str) {
    match outcome {
        Outcome::Success(_) => ("", ""),
        Outcome::Failure { error, cause } => (error, cause),
        Outcome::Aborted => ("Aborted", ""),
        Outcome::TimedOut(_) => ("TimedOut", ""),
    }
}

impl Observer for Watch {
    fn folded(&self, exec: &ExecId, events: &[Event]) {
        let session = Session::fold(events, |session, happened| {
            let mut inner = Watched {
                session: std::mem::take(session),
                same: HashMap::new(),
            };
            self.happened(exec, &mut inner, happened, true);
            *session = inner.session;
        });
        let mut shard = self.shard(exec);
        let watched = Watched {
            session,
            same: HashMap::new(),
        };
        match watched.session.is_over() {
            true => drop(shard.remove(exec)),
            false => drop(shard.insert(exec.clone(), watched)),
        }
    }

    fn committed(&self, exec: &ExecId, events: &[Arc<Event>], rendered: &[(u64, Payload)]) {
        // One actor commits for an execution, so nobody misses what is taken out meanwhile.
        let found = self.shard(exec).remove(exec);
        let mut watched = found.unwrap_or_default();
        for event in events {
            let payload = rendered.iter().find(|(seq, _)| *seq == event.seq).map(|(_, payload)| payload);
            if let Some(happened) = watched.session.push(event, payload) {
                self.happened(exec, &mut watched, happened, false);
            }
        }
        let mut shard = self.shard(exec);
        if !watched.session.is_over() && shard.len() < SESSIONS_MAX {
            shard.insert(exec.clone(), watched);
        }
    }

    fn trace(&self, call: &Call) -> Option<Arc<str>> {
        let shard = self.shard(&call.exec);
        let turn = shard.get(&call.exec)?.session.active.as_ref()?;
        match &self.tracer {
            Some(tracer) => Some(tracer.outgoing(call, turn).to_text().into()),
            // Without spans of our own the client's span is what its tools belong to.
            None => Some(tracer::sent(turn)?.to_text().into()),
        }
    }
}
