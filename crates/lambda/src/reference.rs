//! How callers name a function: by name, partial ARN or full ARN, each with or without a qualifier.

use bedplate_base::{Error, Result};

use crate::function::{is_name, shorten};

/// A function's name as a caller wrote it (Lambda API reference, `FunctionName`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `us-east-1`, when it was given.
    pub region: Option<String>,
    /// Twelve digits, when they were given.
    pub account: Option<String>,
    /// The bare name.
    pub name: String,
    /// A version or an alias, when it was given; `$LATEST` counts as none.
    pub qualifier: Option<String>,
}

impl Reference {
    /// Reads `name`, `name:qualifier`, `123456789012:function:name`, `region:123456789012:function:name` or a full ARN.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::validation(format!(
                "`{}` names no function: it must be a name, a partial ARN or a full ARN of one",
                shorten(text, 200)
            ))
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, name, rest) = match parts.as_slice() {
            ["arn", _, "lambda", region, account, "function", name, rest @ ..] => (*region, *account, *name, rest),
            [region, account, "function", name, rest @ ..] if is_region(region) && is_account(account) => (*region, *account, *name, rest),
            [account, "function", name, rest @ ..] if is_account(account) => ("", *account, *name, rest),
            [name, rest @ ..] => ("", "", *name, rest),
            [] => return Err(wrong()),
        };
        let qualifier = match rest {
            [] | ["$LATEST"] => None,
            [qualifier] if is_name(qualifier) => Some((*qualifier).to_owned()),
            _ => return Err(wrong()),
        };
        if !is_name(name) {
            return Err(wrong());
        }
        let given = |part: &str| (!part.is_empty()).then(|| part.to_owned());
        Ok(Self {
            region: given(region),
            account: given(account),
            name: name.to_owned(),
            qualifier,
        })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `us-east-1`, `us-gov-west-1`: letters, `-`, and a digit at the end.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts
            .last()
            .is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()))
        && parts[..parts.len() - 1]
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn references() {
        let show = |text: &str| match Reference::parse(text) {
            Ok(r) => format!(
                "{}/{}/{}/{}",
                r.region.unwrap_or_default(),
                r.account.unwrap_or_default(),
                r.name,
                r.qualifier.unwrap_or_default()
            ),
            Err(_) => "error".into(),
        };
        for (text, meaning) in [
            ("book", "//book/"),
            ("function", "//function/"),
            ("book:prod", "//book/prod"),
            ("book:$LATEST", "//book/"),
            ("us-east-1", "//us-east-1/"),
            ("123456789012", "//123456789012/"),
            ("000000000000:function:book", "/000000000000/book/"),
            ("000000000000:function:book:1", "/000000000000/book/1"),
            ("eu-west-1:000000000000:function:book", "eu-west-1/000000000000/book/"),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:book",
                "us-east-1/123456789012/book/",
            ),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:book:live",
                "us-east-1/123456789012/book/live",
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:book",
                "us-gov-west-1/123456789012/book/",
            ),
            ("arn:aws:lambda:local::function:book", "local//book/"),
            ("arn:aws:states:us-east-1:123456789012:function:book", "error"),
            ("arn:aws:lambda:us-east-1:123456789012:layer:book", "error"),
            ("book:a:b", "error"),
            ("", "error"),
            ("a b", "error"),
            ("../x", "error"),
        ] {
            assert_eq!(show(text), meaning, "{text}");
        }
    }
}
