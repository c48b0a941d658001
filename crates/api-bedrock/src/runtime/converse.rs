//! Converse and ConverseStream.

use bedplate_base::Timestamp;
use bedplate_converse::Request;
use bedplate_journal::Progress;
use bedplate_wire::{Context, Fault, Streamed};
use bedplate_wire_bedrock_runtime::types;
use futures_util::{StreamExt as _, stream};

use super::live::Event;
use super::{checks, encode, fault, live, sources, submit};
use crate::State;
use crate::log::{converse_input, converse_output};

pub(crate) async fn converse(state: &State, context: &Context, input: types::ConverseRequest) -> Result<types::ConverseResponse, Fault> {
    let request = prepare(state, input).await?;
    let began = state.clock.now();
    let draft = state.log.draft(context, "Converse", &request.model, || converse_input(&request));
    let reply = state.ask(context, &request, &Progress::none()).await;
    if let Some(draft) = draft {
        let outcome = reply.as_ref().map(converse_output);
        state.log.finish(draft, outcome.map_err(|failure| failure.fault.exception(false)));
    }
    let reply = reply.map_err(|failure| fault::of(&failure))?;
    encode::whole(reply, state.since(began))
}

pub(crate) async fn stream(
    state: &State,
    context: &Context,
    input: types::ConverseStreamRequest,
) -> Result<Streamed<types::ConverseStreamResponse>, Fault> {
    let mut request = prepare(state, submit::whole(input)).await?;
    request.streaming = true;
    let began = state.clock.now();
    let mut draft = state
        .log
        .draft(context, "ConverseStream", &request.model, || converse_input(&request));
    let mut events = Box::pin(live::call(state.detached(), context.clone(), request));
    // What fails before the model said anything is a plain error, as at the service.
    let first = match events.next().await {
        Some(Event::Failed(failure)) => {
            if let Some(draft) = draft {
                state.log.finish(draft, Err(failure.fault.exception(false)));
            }
            return Err(fault::of(&failure));
        }
        first => first,
    };
    let state = state.clone();
    let frames = stream::iter(first).chain(events).flat_map(move |event| {
        match &event {
            Event::Ended(reply) => draft
                .take()
                .into_iter()
                .for_each(|draft| state.log.finish(draft, Ok(converse_output(reply)))),
            Event::Failed(failure) => draft
                .take()
                .into_iter()
                .for_each(|draft| state.log.finish(draft, Err(failure.fault.exception(true)))),
            _ => {}
        }
        stream::iter(encode::events(event, || state.since(began)))
    });
    Ok(Streamed::new(types::ConverseStreamResponse::default(), frames))
}

async fn prepare(state: &State, input: types::ConverseRequest) -> Result<Request, Fault> {
    let mut request = submit::request(input)?;
    request.model = state.model(request.model).await?;
    checks::conversation(&request)?;
    sources::fetch(state, &mut request).await?;
    Ok(request)
}

impl State {
    /// Milliseconds since `began`.
    pub(crate) fn since(&self, began: Timestamp) -> u64 {
        u64::try_from(self.clock.now().since(began).as_millis()).unwrap_or(u64::MAX)
    }
}
