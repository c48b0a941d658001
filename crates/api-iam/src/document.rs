//! Policy documents: whether a text is one, and how it travels back.

use bedplate_wire::{Fault, Value, parse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::fault::malformed;

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Says who may assume a role.
    Trust,
    /// Says what may be done with which resources.
    Permissions,
}

/// What RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text as it travels in answers: IAM sends documents percent-encoded (IAM API reference, GetRole).
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Characters that count against quotas; white space does not (IAM quotas).
pub(crate) fn size(text: &str) -> usize {
    text.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// Whether a text has the form of a policy: JSON, known elements, the right ones for its purpose. What it allows is nobody's business here.
pub(crate) fn check(text: &str, purpose: Purpose) -> Result<(), Fault> {
    let document = parse(text.as_bytes()).map_err(|error| malformed(format!("This policy contains invalid Json: {error}")))?;
    let Value::Object(members) = &document else {
        return Err(malformed("Syntax errors in policy. It must be a JSON object with a Statement."));
    };
    if let Some(name) = members.keys().find(|name| !["Version", "Id", "Statement"].contains(&name.as_str())) {
        return Err(malformed(format!(
            "Syntax errors in policy. {name} is not an element of a policy: Version, Id and Statement are."
        )));
    }
    if let Some(version) = members.get("Version")
        && !matches!(version.as_str(), Some("2012-10-17" | "2008-10-17"))
    {
        return Err(malformed("The policy must have a Version of 2012-10-17 or 2008-10-17."));
    }
    match members.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements
            .iter()
            .enumerate()
            .try_for_each(|(index, statement)| check_statement(statement, purpose, index + 1)),
        Some(statement @ Value::Object(_)) => check_statement(statement, purpose, 1),
        _ => Err(malformed(
            "Syntax errors in policy. Statement must be an object or a list of objects.",
        )),
    }
}

/// Elements of a statement (IAM User Guide, grammar of the policy language).
const ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn check_statement(statement: &Value, purpose: Purpose, number: usize) -> Result<(), Fault> {
    let wrong = |problem: String| Err(malformed(format!("{problem} (statement {number})")));
    let Value::Object(members) = statement else {
        return wrong("Syntax errors in policy. A statement must be an object".into());
    };
    let has = |name: &str| members.contains_key(name);
    if let Some(name) = members.keys().find(|name| !ELEMENTS.contains(&name.as_str())) {
        return wrong(format!("Syntax errors in policy. {name} is not an element of a statement"));
    }
    match members.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(_) => return wrong("Invalid effect: it must be Allow or Deny".into()),
        None => return wrong("Missing required field Effect".into()),
    }
    if !has("Action") && !has("NotAction") {
        return wrong("Missing required field Action".into());
    }
    match purpose {
        Purpose::Trust if !has("Principal") && !has("NotPrincipal") => wrong("Missing required field Principal".into()),
        Purpose::Trust if has("Resource") || has("NotResource") => wrong("Has prohibited field Resource".into()),
        Purpose::Permissions if has("Principal") || has("NotPrincipal") => wrong("Policy document should not specify a principal.".into()),
        Purpose::Permissions if !has("Resource") && !has("NotResource") => wrong("Policy statement must contain resources.".into()),
        _ => Ok(()),
    }
}
