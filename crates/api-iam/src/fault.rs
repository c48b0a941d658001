//! Which of IAM's errors an error is. Their codes are not the names of their shapes: `NoSuchEntity`, not `NoSuchEntityException`.

use bedplate_base::{Error, Kind};
use bedplate_wire::Fault;

/// The error for `error`, where the operation has no better one (IAM API reference, common errors).
pub(crate) fn fault(error: Error) -> Fault {
    let (code, status) = match error.kind {
        Kind::Validation => ("ValidationError", 400),
        Kind::AccessDenied => ("AccessDenied", 403),
        Kind::NotFound => ("NoSuchEntity", 404),
        Kind::Conflict => ("ConcurrentModification", 409),
        Kind::Quota => ("LimitExceeded", 409),
        Kind::Throttled => ("Throttling", 400),
        Kind::NotImplemented => ("NotImplementedException", 501),
        Kind::Unavailable => ("ServiceUnavailable", 503),
        Kind::Dependency | Kind::Internal => ("ServiceFailure", 500),
    };
    let mut fault = Fault::new(code, error.message).with_status(status);
    fault.source = error.source;
    fault
}

pub(crate) fn missing(message: String) -> Fault {
    Fault::new("NoSuchEntity", message)
}

pub(crate) fn exists(message: String) -> Fault {
    Fault::new("EntityAlreadyExists", message)
}

pub(crate) fn in_use(message: &str) -> Fault {
    Fault::new("DeleteConflict", message)
}

pub(crate) fn over(quota: &str, most: usize) -> Fault {
    Fault::new("LimitExceeded", format!("Cannot exceed quota for {quota}: {most}"))
}

pub(crate) fn malformed(message: impl Into<String>) -> Fault {
    Fault::new("MalformedPolicyDocument", message)
}

pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message).with_status(400)
}
