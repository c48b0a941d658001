//! InvokeAgent: resolves the alias, sends the turn to its session, and streams what happens.
//!
//! The answer's headers are sent once the turn is admitted, which means journaled: from then on the turn goes on whatever
//! becomes of this client, and failures are frames.

use std::collections::VecDeque;
use std::time::Duration;

use bedplate_agent::steps::{Kind, Steps};
use bedplate_agent::turn::{AgentRef, Request, failure};
use bedplate_base::{Error, Kind as ErrorKind, Result};
use bedplate_engine::{Engine, Feed, Item};
use bedplate_journal::{Event, ExecId, Payload, Raw, Sender, Signal, Value};
use bedplate_store::Letter;
use bedplate_wire::{Context, Streamed};
use bedplate_wire_bedrock_agent_runtime::types::{InvokeAgentRequest, InvokeAgentResponse};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream;
use serde_json::json;

use super::encode::{Encoder, Outgoing, exception};
use super::submit;
use crate::State;
use crate::control::aliases;

/// How long traces wait for what follows them. Ours: nobody sees it, and a function that answers at once is done by then.
const GATHER_TIME: Duration = Duration::from_millis(10);

/// InvokeAgent.
///
/// # Errors
/// `NotFound` for unknown agents and aliases, `Validation` for requests that do not fit the session; all before the stream.
pub async fn invoke(state: &State, context: &Context, input: InvokeAgentRequest) -> Result<Streamed<InvokeAgentResponse>> {
    let output = InvokeAgentResponse {
        content_type: "application/json".into(),
        memory_id: input.memory_id.clone(),
        session_id: input.session_id.clone(),
    };
    let place = &context.place;
    let target = aliases::resolve(state, place, &input.agent_id, &input.agent_alias_id).await?;
    let (agent_id, alias_id) = (input.agent_id.clone(), target.alias_id);
    let alias_arn = place.arn("bedrock", format_args!("agent-alias/{agent_id}/{alias_id}")).to_string();
    let mut message = submit::message(input, context.strict)?;
    message.agent = AgentRef {
        id: agent_id,
        name: target.agent_name,
        alias_id,
        alias_arn,
        version: target.version,
    };
    message.trace_parent.clone_from(&context.trace_parent);
    // SDKs try again on their own when a connection breaks, under the same id: such a try is shown the turn that runs already.
    message.try_id = context.invocation_id.as_deref().map(|id| try_id(id, &message));
    let exec = execution(context, &message);
    let program = state.program(target.program).await?;
    let letter = Letter {
        start: Some((bedplate_agent::KIND.into(), start(context, &message))),
        signal: signal(context, program, &message),
    };
    let feed = state.engine.request(&exec, letter).await?;
    let mut turn = Turn::new(context, exec, feed, state.settings.strict);
    if let Some(earlier) = turn.admit().await? {
        turn.follow(&state.engine, &earlier).await?;
    }
    let frames = stream::unfold(turn, |mut turn| async move { turn.next().await.map(|event| (event.frame(), turn)) });
    Ok(Streamed {
        output,
        frames: frames.boxed(),
    })
}

/// What all tries of one request have in common: the SDK's id, and what is said, should a client send the same id always.
fn try_id(invocation_id: &str, message: &Request) -> String {
    let said = json!([message.text, message.answer]).to_string();
    format!("{invocation_id} {}", bedplate_base::sha256(said.as_bytes()))
}

/// The execution of a session: sessions are told apart by place, agent, alias and id.
fn execution(context: &Context, message: &Request) -> ExecId {
    let key = bedplate_catalog::key(&[
        bedplate_agent::KIND,
        &context.place.account,
        &context.place.region,
        &message.agent.id,
        &message.agent.alias_id,
        &message.session_id,
    ]);
    ExecId::new(key)
}

/// What a session begins with.
fn start(context: &Context, message: &Request) -> Raw {
    Raw::json(&json!({"place": context.place.to_string(), "agent": message.agent.id, "session": message.session_id}))
}

fn signal(context: &Context, program: Value, message: &Request) -> Signal {
    let payload = serde_json::to_string(message).expect("invariant: a turn's message is plain data");
    Signal::Message {
        from: Sender::Client(context.request_id.as_str().into()),
        program: Some(program),
        payload: Value::inline(Raw::new(payload)),
    }
}

/// One request's view of its session.
struct Turn {
    exec: ExecId,
    feed: Feed,
    steps: Steps,
    encoder: Encoder,
    strict: bool,
    ready: VecDeque<Outgoing>,
    /// The events of a second try up to this one were read from the journal; otherwise 0. Text of a call that was already
    /// running then is not passed on, its beginning is unknown; the answer is.
    read: u64,
    /// Nothing follows what is ready.
    over: bool,
    /// The first frames are on their way.
    begun: bool,
}

impl Turn {
    fn new(context: &Context, exec: ExecId, feed: Feed, strict: bool) -> Self {
        Self {
            steps: Steps::new(exec.clone(), context.request_id.as_str()),
            exec,
            feed,
            encoder: Encoder::new(context.request_id.clone(), strict),
            strict,
            ready: VecDeque::new(),
            read: 0,
            over: false,
            begun: false,
        }
    }

    /// Waits for the commit that holds the message. A message that was refused there is an error of the request, unless it is
    /// another try of one that was taken: that one's id is returned.
    async fn admit(&mut self) -> Result<Option<String>> {
        while self.steps.request().is_none() {
            let Some(item) = self.feed.next().await else {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "The server is stopping; send the request again.",
                ));
            };
            match self.take(item) {
                Err(Refused::Repeated(earlier)) => return Ok(Some(earlier)),
                Err(Refused::Because(error)) => return Err(error),
                Ok(()) => {}
            }
        }
        Ok(None)
    }

    /// Shows the request `earlier` from its beginning instead of this one.
    async fn follow(&mut self, engine: &Engine, earlier: &str) -> Result<()> {
        self.steps = Steps::new(self.exec.clone(), earlier);
        self.encoder = Encoder::new(earlier, self.strict);
        self.over = false;
        let exec = self.exec.clone();
        let mut last = 0;
        engine
            .replay(&exec, &mut |event, rendered| {
                last = event.seq;
                // What was taken was not refused.
                let _ = self.see(event, rendered);
            })
            .await?;
        self.read = last;
        Ok(())
    }

    /// The next event. Traces wait a moment for what follows them, so that all of it is sent in one piece: each piece wakes the client, which costs both
    /// sides about what its making cost. The first ones go with the response's headers, and an answer never waits.
    async fn next(&mut self) -> Option<Outgoing> {
        let is_left = !self.ready.is_empty();
        while self.ready.is_empty() {
            if self.over {
                return None;
            }
            let item = self.feed.next().await;
            self.took(item);
        }
        if std::mem::replace(&mut self.begun, true) && !is_left {
            let mut pause = std::pin::pin!(tokio::time::sleep(GATHER_TIME));
            while !self.over && self.ready.iter().all(|event| matches!(event, Outgoing::Trace(_))) {
                let next = match select(std::pin::pin!(self.feed.next()), pause.as_mut()).await {
                    Either::Left((item, _)) => item,
                    Either::Right(_) => break,
                };
                self.took(next);
            }
        }
        self.ready.pop_front()
    }

    /// Takes an item of the feed once the turn is admitted.
    fn took(&mut self, item: Option<Item>) {
        match item {
            Some(item) => {
                if let Err(Refused::Because(error)) = self.take(item) {
                    self.end(error.message);
                }
            }
            None => self.end("The server is stopping. The turn goes on after its restart; ask for the session again.".into()),
        }
    }

    fn end(&mut self, message: String) {
        self.over = true;
        self.ready.push_back(exception("internalServerException", message, None));
    }

    /// Takes an item of the feed.
    ///
    /// # Errors
    /// The message was refused before its turn began.
    fn take(&mut self, item: Item) -> Result<(), Refused> {
        match item {
            Item::Committed(events) => {
                let read = self.read;
                for committed in events.iter().filter(|committed| committed.event.seq > read) {
                    self.see(&committed.event, committed.rendered.as_ref())?;
                }
            }
            Item::Text { call, text } => {
                if call.0 > self.read && self.steps.calls_model(call) {
                    let event = self.encoder.text(text);
                    self.ready.push_back(event);
                }
            }
            Item::Lost(reason) => self.end(format!(
                "The answer could not be streamed to the end: {reason}. The turn goes on without this client, and its answer will be in the session."
            )),
        }
        Ok(())
    }

    /// Takes an event of the session.
    ///
    /// # Errors
    /// As `take`.
    fn see(&mut self, event: &Event, rendered: Option<&Payload>) -> Result<(), Refused> {
        for step in self.steps.push(event, rendered) {
            if let Kind::Failed {
                code,
                message,
                detail,
                refused: true,
                ..
            } = &step.kind
            {
                self.over = true;
                return Err(match code.as_str() {
                    failure::REPEATED => Refused::Repeated(detail.clone()),
                    code => Refused::Because(refusal(code, message, detail)),
                });
            }
            let nobody = Request::default();
            let request = self.steps.request().unwrap_or(&nobody);
            if step.kind.is_trace() && !request.trace {
                continue;
            }
            let outgoing = self.encoder.step(&step, request);
            let shown = |event: &Outgoing| request.trace || !matches!(event, Outgoing::Trace(_));
            self.ready.extend(outgoing.into_iter().filter(shown));
        }
        self.over |= self.steps.over();
        Ok(())
    }
}

/// Why a message did not become a turn.
enum Refused {
    Because(Error),
    /// It is another try of this request.
    Repeated(String),
}

fn refusal(code: &str, message: &str, detail: &str) -> Error {
    let kind = match code {
        failure::VALIDATION => ErrorKind::Validation,
        failure::CONFLICT => ErrorKind::Conflict,
        failure::QUEUE_FULL | failure::THROTTLED => ErrorKind::Throttled,
        _ => ErrorKind::Internal,
    };
    let message = if detail.is_empty() {
        message.to_owned()
    } else {
        format!("{message} {detail}")
    };
    Error::new(kind, message)
}
