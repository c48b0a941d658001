//! The canonical request: the bytes that client and server hash, from the parts of a request as it is sent.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// What is escaped in a query: all but RFC 3986's unreserved letters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// In a path slashes stand as well.
const PATH: &AsciiSet = &QUERY.remove(b'/');
/// The parameter that cannot sign itself.
const SIGNATURE: &[u8] = b"X-Amz-Signature";

/// The paths that SDKs may have signed for a path that came as `raw`, the usual one first; at most three. All escape it once more than it
/// is escaped already. Most take out empty and dot segments (boto3, Java, JavaScript); Rust's keeps a slash after a final dot segment;
/// Go's signs the path as it is. Which one was signed cannot be seen, and routing reads the raw path in every case.
pub fn paths(raw: &str) -> Vec<String> {
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

/// The paths that may be signed for S3, which escapes a path once and leaves its segments alone: as it came, and with its letters escaped in the
/// one way that the rules know.
pub fn s3_paths(raw: &str) -> Vec<String> {
    let raw = if raw.is_empty() { "/" } else { raw };
    let bytes: Vec<u8> = percent_decode(raw.as_bytes()).collect();
    let escaped = percent_encode(&bytes, PATH).to_string();
    match escaped == raw {
        true => vec![escaped],
        false => vec![escaped, raw.to_owned()],
    }
}

/// The query in canonical form: every name and value escaped in one way, sorted by name and value, without the signature.
pub fn query(raw: &str) -> String {
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
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Names and values of a query, unescaped; a plus is a space, as it is where operations read their parameters.
pub fn pairs(raw: &str) -> Vec<Pair<'_>> {
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

/// Appends the value of a header: without spaces around it and with single ones in it.
pub fn fold(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (number, word) in words.enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}
