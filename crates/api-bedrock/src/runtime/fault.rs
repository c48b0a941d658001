//! Failures of models as exceptions of bedrock-runtime (service model; "Troubleshooting Amazon Bedrock API Error Codes" of the user guide).

use bedplate_providers::{Failure, Fault as Cause};
use bedplate_wire::Fault;
use bedplate_wire_bedrock_runtime::types;

/// A mistake in the request.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationException", message)
}

/// A model call that failed before anything of the reply went out.
pub(crate) fn of(failure: &Failure) -> Fault {
    let code = match failure.fault {
        Cause::Throttled => "ThrottlingException",
        Cause::AccessDenied => "AccessDeniedException",
        Cause::NotFound => "ResourceNotFoundException",
        Cause::Validation => "ValidationException",
        Cause::Timeout => "ModelTimeoutException",
        Cause::Unavailable => "ServiceUnavailableException",
        Cause::NotReady => "ModelNotReadyException",
        Cause::Malformed => "ModelErrorException",
    };
    Fault::new(code, failure.cause.as_str())
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
