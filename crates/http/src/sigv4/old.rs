//! Signature Version 2 in the query of S3's presigned URLs: boto3 writes them so unless it is told otherwise. Nothing else is signed this way here.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::Timestamp;
use bedplate_sigv4::canonical::pairs;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::verify::check_token;
use super::{Denied, Head, Scope, Signer};
use crate::keys::Key;

/// The service that it signs for.
const SERVICE: &str = "s3";
/// Parameters that are part of what is signed, because they choose the operation or change the answer (same page).
const SIGNED: [&str; 29] = [
    "acl",
    "cors",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "accelerate",
];
const TOKEN: &str = "x-amz-security-token";

/// The parameters of a presigned URL.
#[derive(Debug)]
struct Presigned {
    access_key: String,
    signature: String,
    expires: String,
    token: Option<String>,
}

/// Whether a request is presigned this way.
pub(crate) fn is_presigned(query: &str) -> bool {
    Presigned::read(query).is_some()
}

/// Judges a presigned request; `bucket` is that of a host such as `BUCKET.s3.localhost`.
///
/// # Errors
/// [`Denied`] when the key is not known, the time is over, or the signature is another.
pub(crate) fn examine(keys: &[Key], head: &Head<'_>, bucket: Option<&str>, now: Timestamp) -> Result<Signer, Denied> {
    let query = head.uri.query().unwrap_or_default();
    let presigned = Presigned::read(query).ok_or_else(Denied::missing)?;
    let key = keys
        .iter()
        .find(|key| key.access_key == presigned.access_key && !key.access_key.is_empty())
        .ok_or_else(Denied::unknown_key)?;
    check_token(key, presigned.token.as_deref())?;
    let expires: i64 = presigned
        .expires
        .parse()
        .map_err(|_| Denied::incomplete("Expires must be a number of seconds since 1970."))?;
    if expires.saturating_mul(1_000) <= now.millis() {
        return Err(Denied::expired());
    }
    let text = text(head, &presigned, bucket);
    let mac = Hmac::<Sha1>::new_from_slice(key.secret.expose().as_bytes()).expect("invariant: HMAC takes keys of any length");
    let given = STANDARD.decode(&presigned.signature).unwrap_or_default();
    // Compares in constant time.
    mac.chain_update(text).verify_slice(&given).map_err(|_| Denied::mismatch())?;
    Ok(Signer {
        name: key.name.clone(),
        account: key.account.clone(),
        admin: false,
        bearer: false,
        scope: Scope {
            access_key: key.access_key.clone(),
            // It names none: a key for some regions only is good for the first of them.
            region: key.regions.first().cloned(),
            service: SERVICE.to_owned(),
        },
    })
}

impl Presigned {
    fn read(query: &str) -> Option<Self> {
        if !query.contains("AWSAccessKeyId=") {
            return None;
        }
        let pairs = pairs(query);
        let value = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key.as_ref() == name.as_bytes())?;
            String::from_utf8(found.1.to_vec()).ok()
        };
        Some(Self {
            access_key: value("AWSAccessKeyId")?,
            // A plus that was not escaped was read as a space.
            signature: value("Signature")?.replace(' ', "+"),
            expires: value("Expires")?,
            token: value(TOKEN),
        })
    }
}

/// What is signed.
fn text(head: &Head<'_>, presigned: &Presigned, bucket: Option<&str>) -> Vec<u8> {
    let header = |name: &str| head.headers.get(name).map_or(&b""[..], |value| value.as_bytes());
    let mut text = Vec::new();
    for line in [
        head.method.as_str().as_bytes(),
        header("content-md5"),
        header("content-type"),
        presigned.expires.as_bytes(),
    ] {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let mut names: Vec<&str> = head
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-"))
        .collect();
    if presigned.token.is_some() && !names.contains(&TOKEN) {
        names.push(TOKEN);
    }
    names.sort_unstable();
    for name in names {
        let mut values: Vec<&[u8]> = head
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().trim_ascii())
            .collect();
        if let (true, TOKEN, Some(token)) = (values.is_empty(), name, &presigned.token) {
            values.push(token.as_bytes());
        }
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(&values.join(&b","[..]));
        text.push(b'\n');
    }
    if let Some(bucket) = bucket {
        text.extend_from_slice(format!("/{bucket}").as_bytes());
    }
    text.extend_from_slice(head.uri.path().as_bytes());
    let mut signed: Vec<_> = pairs(head.uri.query().unwrap_or_default())
        .into_iter()
        .filter(|(name, _)| SIGNED.iter().any(|known| known.as_bytes() == name.as_ref()))
        .collect();
    signed.sort();
    for (index, (name, value)) in signed.iter().enumerate() {
        text.push(if index == 0 { b'?' } else { b'&' });
        text.extend_from_slice(name);
        if !value.is_empty() {
            text.push(b'=');
            text.extend_from_slice(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, Uri};

    use super::*;
    use crate::keys::Secret;

    /// By boto3 1.43 with these keys: `generate_presigned_url("get_object", …)`.
    const URL: &str = "/bb/k%20y/%C3%A9?AWSAccessKeyId=a&Signature=5cIrvfu06yVZlzVCJo8xqD1397I%3D&Expires=1795288642";

    fn judge(method: Method, url: &str, headers: &[(&'static str, &'static str)], seconds: i64) -> Result<Signer, Denied> {
        let key = Key {
            name: "app".into(),
            access_key: "a".into(),
            secret: Secret::new("b"),
            session_token: None,
            account: None,
            regions: vec!["eu-west-1".into()],
            admin: true,
            bearer: None,
        };
        let uri: Uri = url.parse().unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let head = Head {
            method: &method,
            uri: &uri,
            headers: &headers,
        };
        examine(&[key], &head, None, Timestamp::from_millis(seconds * 1_000))
    }

    #[test]
    fn a_url_is_good_for_what_it_says() {
        let signer = judge(Method::GET, URL, &[("host", "x")], 1_795_288_641).unwrap();
        assert_eq!(
            (signer.scope.service.as_str(), signer.scope.region.as_deref(), signer.admin),
            ("s3", Some("eu-west-1"), false)
        );
        assert!(judge(Method::GET, &format!("{URL}&unknown=1"), &[], 1_795_288_641).is_ok());
        for (method, url, headers, now, code) in [
            (Method::PUT, URL.to_owned(), &[][..], 0, "InvalidSignatureException"),
            (Method::GET, URL.replace("k%20y", "other"), &[], 0, "InvalidSignatureException"),
            (Method::GET, format!("{URL}&uploads"), &[], 0, "InvalidSignatureException"),
            (
                Method::GET,
                URL.replace("1795288642", "1795288643"),
                &[],
                0,
                "InvalidSignatureException",
            ),
            (
                Method::GET,
                URL.to_owned(),
                &[("x-amz-acl", "public-read")],
                0,
                "InvalidSignatureException",
            ),
            (
                Method::GET,
                URL.to_owned(),
                &[("content-type", "a/b")],
                0,
                "InvalidSignatureException",
            ),
            (Method::GET, URL.replace("Id=a", "Id=c"), &[], 0, "UnrecognizedClientException"),
            (
                Method::GET,
                format!("{URL}&x-amz-security-token=t"),
                &[],
                0,
                "UnrecognizedClientException",
            ),
            (Method::GET, URL.to_owned(), &[], 1_795_288_642, "AccessDeniedException"),
            (
                Method::GET,
                URL.replace("Expires=", "Expires=x"),
                &[],
                0,
                "IncompleteSignatureException",
            ),
            (
                Method::GET,
                URL.replace("&Signature", "&Other"),
                &[],
                0,
                "MissingAuthenticationTokenException",
            ),
        ] {
            assert_eq!(judge(method, &url, headers, now).unwrap_err().code, code, "{url}");
        }
    }
}
