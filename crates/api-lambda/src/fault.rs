//! Which of Lambda's exceptions an error is.

use bedplate_base::{Error, Kind};
use bedplate_wire::Fault;

/// The exception for `error`, where the operation has no better one (Lambda API reference, common errors).
pub(crate) fn exception(error: Error) -> Fault {
    let (code, status) = match error.kind {
        Kind::Validation => ("InvalidParameterValueException", None),
        Kind::AccessDenied => ("AccessDeniedException", Some(403)),
        Kind::NotFound => ("ResourceNotFoundException", None),
        Kind::Conflict => ("ResourceConflictException", None),
        Kind::Quota => ("CodeStorageExceededException", None),
        Kind::Throttled => ("TooManyRequestsException", None),
        Kind::Dependency => ("InvalidRuntimeException", None),
        Kind::NotImplemented => ("NotImplementedException", Some(501)),
        Kind::Unavailable => ("ServiceException", Some(503)),
        Kind::Internal => ("ServiceException", None),
    };
    let reserved = error.fields.iter().any(|field| field.name == bedplate_lambda::RESERVED);
    let mut fault = Fault::new(code, error.message);
    fault.status = status;
    fault.source = error.source;
    if code == "TooManyRequestsException" {
        let reason = if reserved {
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        } else {
            "ConcurrentInvocationLimitExceeded"
        };
        fault.members.push(("Reason", reason.into()));
    }
    fault
}

/// The request has a value that does not do.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValueException", message)
}

/// A member that a run would need and that is not built.
pub(crate) fn lacking(member: &str, instead: &str) -> Fault {
    invalid(format!("{member} is not supported here yet: {instead}"))
}

/// No such function, in the service's own words.
pub(crate) fn not_found(arn: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Function not found: {arn}"))
}
