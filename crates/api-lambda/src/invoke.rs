//! Invoke: with an answer, as an event, or only whether it could be called.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_lambda::{Invocation, Options, limits};
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    InvocationRequest, InvocationResponse, InvocationType, InvokeAsyncRequest, InvokeAsyncResponse, LogType,
};
use serde_json::value::RawValue;

use crate::State;
use crate::document::Document;
use crate::events::PAYLOAD_BYTES_MAX;
use crate::fault::{exception, lacking};
use crate::name::Name;

/// Longest `ClientContext`, in Base64 (Lambda API reference, Invoke).
const CLIENT_CONTEXT_BYTES_MAX: usize = 3_583;
/// How much of the log an answer carries (same).
const LOG_BYTES_MAX: usize = 4 * 1024;

/// Calls a function. A function that fails answers 200 with `X-Amz-Function-Error`; an event answers 202 at once.
pub(crate) async fn invoke(state: &State, context: &Context, input: InvocationRequest) -> Result<InvocationResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let memory_mb = callable(state, &name).await?;
    if input.durable_execution_name.is_some() {
        return Err(lacking("DurableExecutionName", "leave it out"));
    }
    let payload = input.payload.unwrap_or_default();
    let answered = |status| InvocationResponse {
        status_code: Some(status),
        ..InvocationResponse::default()
    };
    match input.invocation_type.unwrap_or(InvocationType::RequestResponse) {
        InvocationType::RequestResponse => {}
        InvocationType::DryRun => return Ok(answered(204)),
        InvocationType::Event => {
            event(state, context, &name, &payload).await?;
            return Ok(answered(202));
        }
    }
    let options = options(context, &payload, input.client_context.as_deref())?;
    let invocation = state.host.invoke(&name.qualified(), payload, options).await.map_err(exception)?;
    let log_result = (input.log_type == Some(LogType::Tail)).then(|| STANDARD.encode(log(&invocation, memory_mb)));
    let (payload, function_error) = match invocation.result {
        Ok(payload) => (payload, None),
        Err(error) => (error.payload, Some("Unhandled".to_owned())),
    };
    Ok(InvocationResponse {
        status_code: Some(200),
        function_error,
        log_result,
        payload: Some(payload),
        executed_version: Some(invocation.version),
        ..InvocationResponse::default()
    })
}

/// The checked options of a call that is waited for.
pub(crate) fn options(context: &Context, payload: &[u8], given: Option<&str>) -> Result<Options, Fault> {
    if payload.len() > limits::REQUEST_BYTES_MAX {
        return Err(too_large(limits::REQUEST_BYTES_MAX));
    }
    check_json(payload)?;
    Ok(Options {
        request_id: Some(context.request_id.clone()).filter(|id| !id.is_empty()),
        client_context: given.filter(|text| !text.is_empty()).map(client_context).transpose()?,
        ..Options::default()
    })
}

/// InvokeAsync, the older form of an event.
pub(crate) async fn invoke_async(state: &State, context: &Context, input: InvokeAsyncRequest) -> Result<InvokeAsyncResponse, Fault> {
    let name = Name::read(context, &input.function_name, None)?;
    callable(state, &name).await?;
    event(state, context, &name, &input.invoke_args).await?;
    Ok(InvokeAsyncResponse { status: Some(202) })
}

/// Stores an event. Its payload is as long as AWS allows, and JSON; nothing at all counts as `{}`.
async fn event(state: &State, context: &Context, name: &Name, payload: &[u8]) -> Result<(), Fault> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(too_large(PAYLOAD_BYTES_MAX));
    }
    check_json(payload)?;
    let text = match payload {
        [] => "{}".to_owned(),
        payload => String::from_utf8_lossy(payload).into_owned(), // JSON, so it is UTF-8
    };
    let id = match context.request_id.as_str() {
        "" => bedplate_base::random_uuid(),
        id => id.to_owned(),
    };
    state.events.add(name.qualified(), id, text).await.map_err(exception)?;
    state.begin_events();
    Ok(())
}

/// Whether there is something to call; how much memory it is told to have, in MB.
pub(crate) async fn callable(state: &State, name: &Name) -> Result<u32, Fault> {
    let qualified = name.qualified();
    if state.host.is_mapped(&qualified) {
        return Ok(0);
    }
    match state.host.get(&qualified) {
        Ok(function) if function.arn == name.arn => Ok(function.memory_mb),
        // Not there; or stored, but not able to run: then that is the answer.
        _ => Err(why_not(state, name).await),
    }
}

fn too_large(bytes_max: usize) -> Fault {
    let message = format!("Request must be smaller than {bytes_max} bytes for the InvokeFunction operation");
    Fault::new("RequestTooLargeException", message)
}

fn check_json(payload: &[u8]) -> Result<(), Fault> {
    if !payload.is_empty()
        && let Err(error) = serde_json::from_slice::<&RawValue>(payload)
    {
        return Err(unreadable(format!("Could not parse request body into json: {error}")));
    }
    Ok(())
}

/// Why the host does not have a function.
async fn why_not(state: &State, name: &Name) -> Fault {
    match state
        .find_version(name)
        .await
        .map(|document| unmarked(document, name).function(state.host.packages()))
    {
        Err(fault) => fault,
        Ok(Err(error)) => exception(error),
        Ok(Ok(_)) => exception(bedplate_base::Error::new(
            bedplate_base::Kind::Unavailable,
            "The function is being changed; try again",
        )),
    }
}

/// The document with its own ARN again: `find_version` writes the caller's into it.
fn unmarked(mut document: Document, name: &Name) -> Document {
    document.configuration.function_arn = Some(name.arn.to_string());
    document
}

/// The client context as the JSON text that the handler gets.
fn client_context(text: &str) -> Result<String, Fault> {
    if text.len() > CLIENT_CONTEXT_BYTES_MAX {
        return Err(unreadable(format!(
            "Client context must be at most {CLIENT_CONTEXT_BYTES_MAX} bytes of Base64"
        )));
    }
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .filter(|text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok())
        .ok_or_else(|| unreadable("Client context must be a valid Base64-encoded JSON object.".into()))
}

fn unreadable(message: String) -> Fault {
    Fault::new("InvalidRequestContentException", message)
}

/// The end of the log in the frame that readers of `X-Amz-Log-Result` look for.
pub(crate) fn log(invocation: &Invocation, memory_mb: u32) -> String {
    let id = &invocation.request_id;
    let begin = format!("START RequestId: {id} Version: {}\n", invocation.version);
    let mut end = format!(
        "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {memory_mb} MB",
        invocation.duration_ms,
        invocation.duration_ms.ceil()
    );
    if let Some(init_ms) = invocation.init_ms {
        end.push_str(&format!("\tInit Duration: {init_ms}.00 ms"));
    }
    end.push_str("\t\n");
    let room = LOG_BYTES_MAX.saturating_sub(end.len());
    let whole = invocation.logs.dropped() == 0 && begin.len() + invocation.logs.text().len() <= room;
    let lines = invocation.logs.tail(room - if whole { begin.len() } else { 0 });
    format!("{}{lines}{end}", if whole { begin.as_str() } else { "" })
}
