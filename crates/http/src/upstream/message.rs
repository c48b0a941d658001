//! What of a message's head belongs to one connection only, and what belongs to a signature.

use http::{HeaderMap, HeaderName, header};

/// Headers between neighbours (RFC 9110 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers of bodies in frames. A checksum that stood behind the last frame is gone with them, so it must not be announced.
const FRAMES: [&str; 4] = [
    "x-amz-decoded-content-length",
    "x-amz-trailer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-content-sha256",
];
/// Headers of a signature in the head.
const SIGNATURE: [&str; 6] = [
    "authorization",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-region-set",
    "date",
];

/// Takes the headers out that are for the next neighbour only, those that `Connection` names among them.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    // A client must not be able to have the host, or what tells a loop, forgotten on the way.
    for name in named
        .iter()
        .filter(|name| !matches!(name.as_str(), "host" | "via" | "authorization" | "content-length"))
    {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Whether a request has passed the proxy called `pseudonym`.
pub(super) fn has_passed(headers: &HeaderMap, pseudonym: &str) -> bool {
    let lines = headers.get_all(header::VIA).iter().filter_map(|value| value.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|entry| entry.split_whitespace().nth(1) == Some(pseudonym))
}

/// Takes out what announces a body in frames.
pub(super) fn forget_frames(headers: &mut HeaderMap) {
    crate::exchange::unframe(headers);
    for name in FRAMES {
        headers.remove(name);
    }
}

/// Takes a signature out of headers and query; gives back the target without it.
pub(crate) fn without_signature(headers: &mut HeaderMap, target: &str) -> String {
    for name in SIGNATURE {
        headers.remove(name);
    }
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    const PARAMETERS: [&str; 8] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-region-set",
    ];
    let is_signature = |pair: &&str| PARAMETERS.contains(&pair.split('=').next().unwrap_or_default().to_ascii_lowercase().as_str());
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_signature(pair)).collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}
