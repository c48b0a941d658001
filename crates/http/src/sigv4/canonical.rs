//! The headers of a canonical request, by the client's own list of those that it signed.

use bedplate_sigv4::canonical::fold;
use http::header;

use super::{Denied, Head};

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
