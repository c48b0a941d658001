//! Failures of models as exceptions of bedrock-runtime (service model; "Troubleshooting Amazon Bedrock API Error Codes" of the user guide).

use bedplate_providers::{Failure, Fault as Cause};
use bedplate_wire::{Fault, Value};
use bedplate_wire_bedrock_runtime::types;

/// A mistake in the request.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

/// A model call that failed before anything of the reply went out.
pub(crate) fn of(failure: &Failure) -> Fault {
    let mut fault = Fault::new(failure.fault.exception(false), failure.cause.as_str());
    if failure.fault == Cause::Malformed {
        // An answer that could not be read was one: what is refused is another fault.
        fault.members.push(("originalStatusCode", Value::from(200)));
    }
    fault
}

/// The same once the stream has begun: the exceptions that ConverseStream's event stream has.
pub(crate) fn in_converse(failure: &Failure) -> types::ConverseStreamOutput {
    use types::ConverseStreamOutput as Out;
    let message = Some(failure.cause.clone());
    match failure.fault {
        Cause::Throttled => Out::ThrottlingException(types::ThrottlingException { message }),
        Cause::Validation | Cause::AccessDenied | Cause::NotFound => Out::ValidationException(types::ValidationException { message }),
        Cause::Unavailable | Cause::NotReady => Out::ServiceUnavailableException(types::ServiceUnavailableException { message }),
        Cause::Timeout | Cause::Malformed => Out::ModelStreamErrorException(types::ModelStreamErrorException {
            message,
            ..types::ModelStreamErrorException::default()
        }),
    }
}

/// The same for InvokeModelWithResponseStream's event stream.
pub(crate) fn in_chunks(failure: &Failure) -> types::ResponseStream {
    use types::ResponseStream as Out;
    let message = Some(failure.cause.clone());
    match failure.fault {
        Cause::Throttled => Out::ThrottlingException(types::ThrottlingException { message }),
        Cause::Validation | Cause::AccessDenied | Cause::NotFound => Out::ValidationException(types::ValidationException { message }),
        Cause::Unavailable | Cause::NotReady => Out::ServiceUnavailableException(types::ServiceUnavailableException { message }),
        Cause::Timeout => Out::ModelTimeoutException(types::ModelTimeoutException { message }),
        Cause::Malformed => Out::ModelStreamErrorException(types::ModelStreamErrorException {
            message,
            ..types::ModelStreamErrorException::default()
        }),
    }
}
