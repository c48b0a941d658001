//! The canonical request: the bytes that client and server hash, from a request as it came.

use std::borrow::Cow;

use http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::{Denied, Head};

/// What is escaped in a query: all but RFC 3986's unreserved letters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// In a path slashes stand as well.
const PATH: &AsciiSet = &QUERY.remove(b'/');
/// The parameter that cannot sign itself.
const SIGNATURE: &[u8] = b"X-Amz-Signature";
/// Headers of AWS's that need not be among the signed ones: a content delivery network puts the first on; the next two change nothing, and
/// Rust's SDK leaves them out of presigned URLs; the rest is covered by other parts of what is signed, or compared.
const FREE: [&str; 6] = [
    "x-amz-cf-id",
    "x-amz-user-agent",
    "x-amz-checksum-mode",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
];

/// The paths that SDKs may have signed for a path that came as `raw`, the usual one first; at most three. All escape it once more than it
/// is escaped already. Most take out empty and dot segments (boto3, Java, JavaScript); Rust's keeps a slash after a final dot segment;
/// Go's signs the path as it is. Which one was signed cannot be seen, and routing reads the raw path in every case.
pub(super) fn paths(raw: &str) -> Vec<String> {
    let raw = if raw.is_empty() { "/" } else { raw };
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let normal = format!("/{}", segments.join("/"));
    let slashed = format!("{normal}/");
    let first = if raw.ends_with('/') && !segments.is_empty() {
        &slashed
    } else {
        &normal
    };
    let mut found = vec![first.as_str()];
    if (raw.ends_with("/.") || raw.ends_with("/..")) && !segments.is_empty() {
        found.push(&slashed);
    }
    if !found.contains(&raw) {
        found.push(raw);
    }
    found
        .into_iter()
        .map(|path| percent_encode(path.as_bytes(), PATH).to_string())
        .collect()
}

/// The query in canonical form: every name and value escaped in one way, sorted by name and value, without the signature.
pub(super) fn query(raw: &str) -> String {
    let mut escaped: Vec<(String, String)> = pairs(raw)
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case(SIGNATURE))
        .map(|(name, value)| (percent_encode(name, QUERY).to_string(), percent_encode(value, QUERY).to_string()))
        .collect();
    escaped.sort();
    let joined: Vec<String> = escaped.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    joined.join("&")
}

/// A name and a value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Names and values of a query, unescaped; a plus is a space, as it is where operations read their parameters.
pub(super) fn pairs(raw: &str) -> Vec<Pair<'_>> {
    fn plain(text: &str) -> Cow<'_, [u8]> {
        match text.contains('+') {
            true => Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect()),
            false => percent_decode(text.as_bytes()).into(),
        }
    }
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

/// The lines of the signed headers, and their list.
///
/// # Errors
/// When a header is named that the request does not have, or one that must be signed is not.
pub(super) fn headers(head: &Head<'_>, names: &[String]) -> Result<Vec<u8>, Denied> {
    let signed = |name: &str| names.iter().any(|known| known == name);
    if !signed("host") && !signed(":authority") {
        return Err(Denied::invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    // An unsigned header of AWS's could choose another operation, or another principal, for a request that somebody else has signed.
    let loose = head
        .headers
        .keys()
        .find(|name| name.as_str().starts_with("x-amz-") && !FREE.contains(&name.as_str()) && !signed(name.as_str()));
    if let Some(name) = loose {
        return Err(Denied::invalid(format!("The header '{name}' must be among the SignedHeaders.")));
    }
    let mut out = Vec::new();
    for name in names {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        if !put_values(head, name, &mut out) {
            let shown: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
            return Err(Denied::invalid(format!(
                "SignedHeaders names '{shown}', but the request has no such header."
            )));
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(names.join(";").as_bytes());
    Ok(out)
}

/// The values of one header, joined by commas. A server sees HTTP/2's authority beside the headers, and each kind of client names it as
/// it pleases.
fn put_values(head: &Head<'_>, name: &str, out: &mut Vec<u8>) -> bool {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    if name == ":authority" {
        let value = authority
            .map(str::as_bytes)
            .or_else(|| Some(head.headers.get(header::HOST)?.as_bytes()));
        value.inspect(|value| fold(value, out));
        return value.is_some();
    }
    let mut any = false;
    for value in head.headers.get_all(name) {
        if any {
            out.push(b',');
        }
        fold(value.as_bytes(), out);
        any = true;
    }
    match (any, name, authority) {
        (false, "host", Some(authority)) => {
            fold(authority.as_bytes(), out);
            true
        }
        _ => any,
    }
}

/// A value without spaces around it and with single ones in it.
fn fold(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (number, word) in words.enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}
