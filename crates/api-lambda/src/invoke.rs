//! Invoke, synchronous.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_lambda::{Invocation, Options, limits};
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{InvocationRequest, InvocationResponse, InvocationType, LogType};
use serde_json::value::RawValue;

use crate::State;
use crate::fault::{exception, lacking};
use crate::name::Name;

/// Longest `ClientContext`, in Base64 (Lambda API reference, Invoke).
const CLIENT_CONTEXT_BYTES_MAX: usize = 3_583;
/// How much of the log an answer carries (same).
const LOG_BYTES_MAX: usize = 4 * 1024;

/// Calls a function and waits for its answer. A function that fails answers 200 with `X-Amz-Function-Error`.
pub(crate) async fn invoke(state: &State, context: &Context, input: InvocationRequest) -> Result<InvocationResponse, Fault> {
    let name = Name::read(context, &input.function_name, input.qualifier.as_deref())?;
    let function = match state.host.get(name.arn.as_str()) {
        Ok(function) if function.arn == name.arn => function,
        // Not there; or stored, but not able to run: then that is the answer.
        _ => return Err(why_not(state, &name).await),
    };
    if input.durable_execution_name.is_some() {
        return Err(lacking("DurableExecutionName", "leave it out"));
    }
    let executed_version = Some("$LATEST".to_owned());
    match input.invocation_type.unwrap_or(InvocationType::RequestResponse) {
        InvocationType::RequestResponse => {}
        InvocationType::DryRun => {
            return Ok(InvocationResponse {
                status_code: Some(204),
                executed_version,
                ..InvocationResponse::default()
            });
        }
        InvocationType::Event => {
            let message = "Bedplate does not implement asynchronous invokes (InvocationType Event) yet. Use RequestResponse.";
            return Err(Fault::new("NotImplementedException", message).with_status(501));
        }
    }
    let payload = input.payload.unwrap_or_default();
    if payload.len() > limits::REQUEST_BYTES_MAX {
        let message = format!(
            "Request must be smaller than {} bytes for the InvokeFunction operation",
            limits::REQUEST_BYTES_MAX
        );
        return Err(Fault::new("RequestTooLargeException", message));
    }
    if !payload.is_empty()
        && let Err(error) = serde_json::from_slice::<&RawValue>(&payload)
    {
        return Err(unreadable(format!("Could not parse request body into json: {error}")));
    }
    let options = Options {
        request_id: Some(context.request_id.clone()).filter(|id| !id.is_empty()),
        client_context: input
            .client_context
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(client_context)
            .transpose()?,
        ..Options::default()
    };
    let invocation = state.host.invoke(name.arn.as_str(), payload, options).await.map_err(exception)?;
    let log_result = (input.log_type == Some(LogType::Tail)).then(|| STANDARD.encode(log(&invocation, function.memory_mb)));
    let (payload, function_error) = match invocation.result {
        Ok(payload) => (payload, None),
        Err(error) => (error.payload, Some("Unhandled".to_owned())),
    };
    Ok(InvocationResponse {
        status_code: Some(200),
        function_error,
        log_result,
        payload: Some(payload),
        executed_version,
        ..InvocationResponse::default()
    })
}

/// Why the host does not have a function.
async fn why_not(state: &State, name: &Name) -> Fault {
    match state.find(name).await.map(|(document, _)| document.function(state.host.packages())) {
        Err(fault) => fault,
        Ok(Err(error)) => exception(error),
        Ok(Ok(_)) => exception(bedplate_base::Error::new(
            bedplate_base::Kind::Unavailable,
            "The function is being changed; try again",
        )),
    }
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
fn log(invocation: &Invocation, memory_mb: u32) -> String {
    let id = &invocation.request_id;
    let begin = format!("START RequestId: {id} Version: $LATEST\n");
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
