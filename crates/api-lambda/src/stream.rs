//! InvokeWithResponseStream: the parts of an answer as the function sends them.
//!
//! The response begins with the first part, so a function that cannot be called is still an exception of the service. What happens
//! afterwards is told by the last event.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::{Error, Result};
use bedplate_lambda::{Invocation, LATEST};
use bedplate_wire::{Context, Fault, Streamed};
use bedplate_wire_lambda::types::{
    InvokeResponseStreamUpdate, InvokeWithResponseStreamCompleteEvent, InvokeWithResponseStreamRequest, InvokeWithResponseStreamResponse,
    InvokeWithResponseStreamResponseEvent as Event, LogType, ResponseStreamingInvocationType,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

use crate::State;
use crate::fault::exception;
use crate::invoke::{callable, log, options};
use crate::name::Name;

/// Parts of an answer that wait for the client; beyond it the function waits (ours).
const PARTS_WAITING: usize = 16;

/// Calls a function and streams its answer; one that does not stream has its answer in one part.
pub(crate) async fn invoke(
    state: &State,
    context: &Context,
    input: InvokeWithResponseStreamRequest,
) -> Result<Streamed<InvokeWithResponseStreamResponse>, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let memory_mb = callable(state, &name).await?;
    let version = state
        .host
        .get(&name.qualified())
        .map_or_else(|_| LATEST.into(), |function| function.version.clone());
    let mut output = InvokeWithResponseStreamResponse {
        status_code: Some(200),
        executed_version: Some(version),
        ..InvokeWithResponseStreamResponse::default()
    };
    if input.invocation_type == Some(ResponseStreamingInvocationType::DryRun) {
        output.status_code = Some(204);
        return Ok(Streamed::new(output, stream::empty::<Event>()));
    }
    let payload = input.payload.unwrap_or_default();
    let mut options = options(context, &payload, input.client_context.as_deref())?;
    let (sender, parts) = channel(PARTS_WAITING);
    options.stream = Some(sender);
    let (host, function) = (state.host.clone(), name.qualified());
    let mut answer = Answer {
        call: JoinSet::new(),
        parts,
        ready: VecDeque::new(),
        tail: (input.log_type == Some(LogType::Tail)).then_some(memory_mb),
    };
    // A task of its own: the function's time is over when it is over, also while the client reads nothing.
    answer.call.spawn(async move { host.invoke(&function, payload, options).await });
    let first = answer.next().await.map_err(exception)?;
    answer.ready.extend(first);
    let events = stream::unfold(answer, |mut answer| async move {
        let event = match answer.next().await {
            Ok(event) => event?,
            Err(error) => complete("ServiceException", error.message, None),
        };
        Some((event, answer))
    });
    Ok(Streamed::new(output, events))
}

/// A call under way and what has come of it.
struct Answer {
    /// Empty when it is over; ended with this.
    call: JoinSet<Result<Invocation>>,
    parts: Receiver<Bytes>,
    ready: VecDeque<Event>,
    /// The memory that the log's last line tells, where the log is wanted.
    tail: Option<u32>,
}

impl Answer {
    /// The next event; none when all are out. The error says that the function could not be called.
    async fn next(&mut self) -> Result<Option<Event>> {
        if let Some(event) = self.ready.pop_front() {
            return Ok(Some(event));
        }
        if self.call.is_empty() {
            return Ok(None);
        }
        let ended = tokio::select! {
            biased;
            Some(part) = self.parts.recv() => return Ok(Some(chunk(part))),
            Some(ended) = self.call.join_next() => ended,
            else => return Ok(None),
        };
        while let Ok(part) = self.parts.try_recv() {
            self.ready.push_back(chunk(part));
        }
        let invocation = ended.map_err(|error| Error::internal("The call of the function broke off").with_source(error))??;
        let log_result = self.tail.map(|memory_mb| STANDARD.encode(log(&invocation, memory_mb)));
        match invocation.result {
            Ok(rest) => {
                if !rest.is_empty() {
                    self.ready.push_back(chunk(rest));
                }
                self.ready.push_back(Event::InvokeComplete(InvokeWithResponseStreamCompleteEvent {
                    log_result,
                    ..InvokeWithResponseStreamCompleteEvent::default()
                }));
            }
            Err(error) => {
                let details = String::from_utf8_lossy(&error.payload).into_owned();
                self.ready.push_back(complete("Unhandled", details, log_result));
            }
        }
        Ok(self.ready.pop_front())
    }
}

fn chunk(part: Bytes) -> Event {
    Event::PayloadChunk(InvokeResponseStreamUpdate { payload: Some(part) })
}

fn complete(code: &str, details: String, log_result: Option<String>) -> Event {
    Event::InvokeComplete(InvokeWithResponseStreamCompleteEvent {
        error_code: Some(code.into()),
        error_details: Some(details),
        log_result,
    })
}
