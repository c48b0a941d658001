//! Signs a request that is about to be sent.

use std::fmt;

use bedplate_base::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::{ALGORITHM, Signing, basic, canonical, hex, sha256};

/// Whose signature.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The access key id: `AKIA…`.
    pub access_key: &'a str,
    /// The secret access key.
    pub secret: &'a str,
    /// The token of temporary credentials; it is sent and signed.
    pub session_token: Option<&'a str>,
}

/// What a signature is good for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `us-east-1`
    pub region: &'a str,
    /// The signing name: `bedrock` for all of Bedrock, `lambda`, `s3`, …
    pub service: &'a str,
    /// Now. Servers take five minutes of difference.
    pub at: Timestamp,
}

/// A request as it will be sent.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// GET, POST, …
    pub method: &'a Method,
    /// Path and query, escaped as they are sent: `/model/a%3Ab/converse?x=1`.
    pub target: &'a str,
    /// The headers so far; `host` has to be among them. Signed are `host`, `content-type` and everything of AWS's.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Credentials that no header can hold: line ends, say. Shows nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsignable(&'static str);

impl fmt::Display for Unsignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds letters that a header cannot hold", self.0)
    }
}

impl std::error::Error for Unsignable {}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// The headers that make a request signed, to be set on it: `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` for temporary
/// credentials, `authorization`. The secret ones are marked as sensitive.
///
/// # Errors
/// [`Unsignable`] when credentials, region or service do not fit into a header.
pub fn sign(request: &Request<'_>, credentials: &Credentials<'_>, scope: &Scope<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Unsignable> {
    let time = basic(scope.at);
    let payload = hex(&sha256(request.body));
    let mut added = vec![
        (HeaderName::from_static("x-amz-date"), value(&time, "the time")?),
        (HeaderName::from_static("x-amz-content-sha256"), value(&payload, "the hash")?),
    ];
    if let Some(token) = credentials.session_token {
        let mut token = value(token, "the session token")?;
        token.set_sensitive(true);
        added.push((HeaderName::from_static("x-amz-security-token"), token));
    }
    let mut all = request.headers.clone();
    for (name, value) in &added {
        all.insert(name, value.clone());
    }
    let mut names: Vec<&str> = all.keys().map(HeaderName::as_str).collect();
    names.retain(|name| matches!(*name, "host" | "content-type") || name.starts_with("x-amz-"));
    names.sort_unstable();

    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let path = match scope.service {
        // S3's keys are paths as they are (SigV4, canonical URI).
        "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" => path.to_owned(),
        _ => canonical::paths(path).swap_remove(0),
    };
    let mut text = format!("{}\n{path}\n{}\n", request.method, canonical::query(query)).into_bytes();
    for name in &names {
        text.extend_from_slice(name.as_bytes());
        for (number, value) in all.get_all(*name).iter().enumerate() {
            text.push(if number == 0 { b':' } else { b',' });
            canonical::fold(value.as_bytes(), &mut text);
        }
        text.push(b'\n');
    }
    let names = names.join(";");
    text.extend_from_slice(format!("\n{names}\n{payload}").as_bytes());

    let signing = Signing::derive(credentials.secret, &time, [&time[..8], scope.region, scope.service]);
    let signature = hex(&signing.sign_request(&sha256(&text)));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key, signing.scope
    );
    let mut authorization = value(&authorization, "the access key, the region or the service")?;
    authorization.set_sensitive(true);
    added.push((http::header::AUTHORIZATION, authorization));
    Ok(added)
}

fn value(text: &str, what: &'static str) -> Result<HeaderValue, Unsignable> {
    HeaderValue::from_str(text).map_err(|_| Unsignable(what))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign as oracle};
    use aws_sigv4::sign::v4::SigningParams;

    use super::*;

    /// 2026-11-21T15:04:05Z
    const NOW: u64 = 1_795_273_445;

    fn ours(method: &str, target: &str, headers: &[(&'static str, &str)], body: &[u8], token: Option<&str>) -> Vec<(String, String)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let method = method.parse().unwrap();
        let request = Request {
            method: &method,
            target,
            headers: &headers,
            body,
        };
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE",
            secret: "a/secret+of=ours",
            session_token: token,
        };
        let scope = Scope {
            region: "eu-west-1",
            service: "bedrock",
            at: Timestamp::from_millis(i64::try_from(NOW).unwrap() * 1000),
        };
        let signed = sign(&request, &credentials, &scope).unwrap();
        let mut signed: Vec<_> = signed
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        signed.sort();
        signed
    }

    fn theirs(method: &str, target: &str, headers: &[(&'static str, &str)], body: &[u8], token: Option<&str>) -> Vec<(String, String)> {
        let identity = aws_credential_types::Credentials::from_keys("AKIDEXAMPLE", "a/secret+of=ours", token.map(str::to_owned)).into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(&identity)
            .region("eu-west-1")
            .name("bedrock")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
            .settings(settings)
            .build()
            .unwrap();
        let uri = format!("http://agents.test{target}");
        let signable = SignableRequest::new(method, &uri, headers.iter().copied(), SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = oracle(signable, &params.into()).unwrap().into_parts();
        let mut added: Vec<_> = instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        added.sort();
        added
    }

    #[test]
    fn signs_as_the_sdks_do() {
        let host = ("host", "agents.test");
        let json = ("content-type", "application/json");
        for (method, target, headers, body, token) in [
            ("GET", "/", vec![host], &b""[..], None),
            (
                "POST",
                "/agents/A/agentAliases/B/sessions/s%3A1/text",
                vec![host, json],
                b"{\"inputText\":\"hi\"}",
                None,
            ),
            (
                "POST",
                "/model/a.b-v1%3A0/converse?b=2&a=1&a=%20x",
                vec![host, json],
                b"{}",
                Some("a-token"),
            ),
            (
                "PUT",
                "/_bedplate/sessions/%C3%A9/",
                vec![host, ("x-amz-note", " two   words ")],
                b"\xff\x00",
                None,
            ),
        ] {
            let (ours, theirs) = (
                ours(method, target, &headers, body, token),
                theirs(method, target, &headers, body, token),
            );
            assert_eq!(ours, theirs, "{method} {target}");
        }
    }

    #[test]
    fn what_no_header_holds_is_refused_without_showing_it() {
        let method = Method::GET;
        let headers = HeaderMap::new();
        let request = Request {
            method: &method,
            target: "/",
            headers: &headers,
            body: b"",
        };
        let credentials = Credentials {
            access_key: "AKID",
            secret: "secret",
            session_token: Some("a\nb"),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "bedrock",
            at: Timestamp::from_millis(0),
        };
        let told = sign(&request, &credentials, &scope).unwrap_err().to_string();
        assert_eq!(told, "the session token holds letters that a header cannot hold");
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
