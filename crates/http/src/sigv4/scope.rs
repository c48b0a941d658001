//! The credential scope: read leniently, for routing and for error forms, before anything is verified.

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

/// Characters of an access key id (STS model: 16 to 128).
pub(crate) const ACCESS_KEY_MAX: usize = 128;
/// Characters of a region's or service's name; the longest today has 24.
const NAME_MAX: usize = 64;

/// The credential scope of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `AKIA…`, or whatever stands there in development.
    pub access_key: String,
    /// `us-east-1`; none in SigV4A without a region set.
    pub region: Option<String>,
    /// The signing name: `bedrock`, `lambda`, `states`, …
    pub service: String,
}

impl Scope {
    /// The scope of a request, from `Authorization` or from the query of a presigned URL. `None` when the request is unsigned or its
    /// signature cannot be read; in development both are let in.
    pub fn of(headers: &HeaderMap, query: &str) -> Option<Self> {
        let set = headers.get("x-amz-region-set").and_then(|value| value.to_str().ok());
        match headers.get(header::AUTHORIZATION) {
            Some(value) => from_authorization(value.to_str().ok()?, set),
            None => from_query(query),
        }
    }
}

fn from_authorization(value: &str, region_set: Option<&str>) -> Option<Scope> {
    let (algorithm, rest) = value.trim().split_once(' ')?;
    let credential = rest.split(',').find_map(|part| part.trim().strip_prefix("Credential="))?;
    from_credential(algorithm, credential, region_set)
}

fn from_query(query: &str) -> Option<Scope> {
    let value = |name: &str| {
        let pair = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)?;
        Some(percent_decode_str(pair.1).decode_utf8().ok()?.into_owned())
    };
    from_credential(
        &value("X-Amz-Algorithm")?,
        &value("X-Amz-Credential")?,
        value("X-Amz-Region-Set").as_deref(),
    )
}

/// `AKID/20261121/us-east-1/bedrock/aws4_request`; SigV4A leaves the region out and names it in a header of its own.
fn from_credential(algorithm: &str, credential: &str, region_set: Option<&str>) -> Option<Scope> {
    let parts: Vec<&str> = credential.split('/').collect();
    let (access_key, region, service) = match (algorithm, parts.as_slice()) {
        ("AWS4-HMAC-SHA256", [key, date, region, service, "aws4_request"]) if is_date(date) => (key, Some(*region), service),
        ("AWS4-ECDSA-P256-SHA256", [key, date, service, "aws4_request"]) if is_date(date) => (
            key,
            region_set
                .and_then(|set| set.split(',').next())
                .map(str::trim)
                .filter(|region| *region != "*"),
            service,
        ),
        _ => return None,
    };
    let known = !access_key.is_empty() && access_key.len() <= ACCESS_KEY_MAX && access_key.bytes().all(|byte| byte.is_ascii_graphic());
    (known && is_name(service) && region.is_none_or(is_name)).then(|| Scope {
        access_key: (*access_key).to_owned(),
        region: region.map(str::to_owned),
        service: (*service).to_owned(),
    })
}

pub(super) fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
