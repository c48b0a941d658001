//! The SDKs' own signing library as the oracle: what it signs is verified, and no single changed bit is.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::{SigningParams, sign_chunk};
use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Key};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;

use crate::vectors::{self, Sent};

pub(crate) const ACCESS_KEY: &str = "AKIDORACLE0000000001";
pub(crate) const SECRET: &str = "a/secret+of=the-oracle";
/// The same requests in every run.
const SEED: u64 = 2026;
const HOST: &str = "agents.local:7780";
/// 2026-11-21T15:04:05Z
const NOW: u64 = 1_795_273_445;

/// A request before it is signed.
#[derive(Clone, Debug)]
struct Plan<'a> {
    access_key: &'a str,
    service: &'a str,
    method: &'a str,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    token: bool,
    presigned: bool,
    hash: bool,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            access_key: ACCESS_KEY,
            service: "bedrock",
            method: "GET",
            path: "/".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            token: false,
            presigned: false,
            hash: false,
        }
    }
}

fn plans() -> impl Strategy<Value = Plan<'static>> {
    let segment = select(vec![
        "a", "agents", "", ".", "..", "%2F", "a%3Ab", "%C3%A9", "x~y", "-_.", "s*", "c@d", "(e)",
    ]);
    let path = vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")));
    let pair = (
        select(vec!["a", "A", "b", "a-b", "%20", "k%3D"]),
        select(vec!["", "=", "=1", "=a%2Fb", "=x+y", "=%C3%A9", "=~", "=z%2B"]),
    );
    let query = vec(pair, 0..5).prop_map(|pairs| {
        pairs
            .iter()
            .map(|(key, value)| format!("{key}{value}"))
            .collect::<Vec<_>>()
            .join("&")
    });
    let name = select(vec!["content-type", "x-amz-target", "x-amz-note", "accept", "amz-sdk-request"]);
    let headers = vec((name, "[ -~]{0,12}"), 0..5);
    (
        select(vec!["GET", "POST", "PUT", "DELETE"]),
        path,
        query,
        headers,
        vec(any::<u8>(), 0..64),
        any::<[bool; 3]>(),
    )
        .prop_map(|(method, path, query, headers, body, [token, presigned, hash])| Plan {
            method,
            path,
            query,
            headers,
            body,
            token,
            presigned,
            hash,
            ..Plan::default()
        })
}

fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(NOW).unwrap() * 1000)
}

fn credentials(token: bool) -> Credentials {
    Credentials::Keys(vec![key(token)])
}

/// The library's key.
pub(crate) fn key(token: bool) -> Key {
    vectors::key(ACCESS_KEY, SECRET, token.then_some("token/of+the=oracle"))
}

/// A plain request, signed.
pub(crate) fn signed(access_key: &str, service: &str, method: &str, path: &str, body: Vec<u8>) -> Sent {
    let plan = Plan {
        access_key,
        service,
        method,
        path: path.to_owned(),
        body,
        ..Plan::default()
    };
    sent(&plan)
}

/// An address that is good for a minute.
pub(crate) fn presigned(path: &str) -> Sent {
    sent(&Plan {
        path: path.to_owned(),
        presigned: true,
        ..Plan::default()
    })
}

fn with_params<T>(plan: &Plan<'_>, settings: SigningSettings, work: impl FnOnce(SigningParams<'_, SigningSettings>) -> T) -> T {
    let token = plan.token.then(|| "token/of+the=oracle".to_owned());
    let identity = Identity::new(plan.access_key, SECRET, token, None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(plan.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
        .settings(settings)
        .build()
        .unwrap();
    work(params)
}

/// The request of a plan, signed by the library.
fn sent(plan: &Plan<'_>) -> Sent {
    let mut settings = SigningSettings::default();
    if plan.presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(60));
    } else if plan.hash {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    sign_with(plan, settings, SignableBody::Bytes(&plan.body)).0
}

fn sign_with(plan: &Plan<'_>, settings: SigningSettings, body: SignableBody<'_>) -> (Sent, String) {
    let query = if plan.query.is_empty() {
        String::new()
    } else {
        format!("?{}", plan.query)
    };
    let uri = format!("http://{HOST}{}{query}", plan.path);
    let mut request = Request::new(());
    *request.method_mut() = plan.method.parse().unwrap();
    *request.uri_mut() = uri.parse().unwrap();
    for (name, value) in &plan.headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    let headers = request.headers().clone();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new(plan.method, uri, headers, body).unwrap();
    let (instructions, signature) = with_params(plan, settings, |params| sign(signable, &params.into()).unwrap().into_parts());
    instructions.apply_to_request_http1x(&mut request);
    // Over HTTP/1.1 the target has no authority, and the host is a header.
    let (parts, ()) = request.into_parts();
    let uri: Uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
    let mut headers = parts.headers;
    headers.insert("host", HeaderValue::from_static(HOST));
    let sent = Sent {
        method: parts.method,
        uri,
        headers,
        body: plan.body.clone(),
    };
    (sent, signature)
}

/// One changed bit in one place; nothing when what comes out is no request, or means the same.
fn spoil(sent: &Sent, place: u8, at: Index, bit: u8) -> Option<Sent> {
    let mut spoiled = sent.clone();
    let flip = |text: &[u8], at: Index| -> Option<Vec<u8>> {
        let mut bytes = text.to_vec();
        let place = at.index(bytes.len().max(1));
        let old = *bytes.get(place)?;
        let new = old ^ (1 << bit);
        let escape = text[place.saturating_sub(2)..=place].contains(&b'%');
        // Spaces around a value, slashes and dots of a path, a plus and hexadecimal digits of an escape have several forms each.
        let equal = [old, new].iter().any(|byte| b" \t/.+%".contains(byte)) || escape && old.eq_ignore_ascii_case(&new);
        bytes[place] = new;
        (!equal).then_some(bytes)
    };
    match place % 5 {
        0 => {
            let other = [Method::GET, Method::POST, Method::PUT, Method::PATCH];
            spoiled.method = other[at.index(other.len())].clone();
            (spoiled.method != sent.method).then_some(spoiled)
        }
        1 => {
            let bytes = flip(sent.uri.path().as_bytes(), at)?;
            let query = sent.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            spoiled.uri = Uri::try_from([&bytes[..], query.as_bytes()].concat()).ok()?;
            // What stands before two dots is not signed: SDKs take it out.
            (!sent.uri.path().contains("/..")).then_some(spoiled)
        }
        2 => {
            let query = sent.uri.query()?;
            let bytes = flip(query.as_bytes(), at)?;
            spoiled.uri = Uri::try_from([sent.uri.path().as_bytes(), b"?", &bytes].concat()).ok()?;
            // The names of the signature's own parameters are read in any case.
            let named = |uri: &Uri| uri.query().unwrap_or_default().replace("X-Amz-Signature", "x").len();
            (named(&spoiled.uri) == named(&sent.uri)).then_some(spoiled)
        }
        3 => {
            let names: Vec<HeaderName> = sent.headers.keys().filter(|name| !is_unsigned(name)).cloned().collect();
            let name = &names[at.index(names.len())];
            let bytes = flip(sent.headers[name].as_bytes(), at)?;
            let more: Vec<HeaderValue> = sent.headers.get_all(name).iter().skip(1).cloned().collect();
            spoiled.headers.insert(name, HeaderValue::from_bytes(&bytes).ok()?);
            more.into_iter().for_each(|value| {
                spoiled.headers.append(name, value);
            });
            Some(spoiled)
        }
        _ => {
            spoiled.body = flip(&sent.body, at)?;
            Some(spoiled)
        }
    }
}

/// Authorization has a structure of its own; its cases are data.
fn is_unsigned(name: &HeaderName) -> bool {
    name == http::header::AUTHORIZATION
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, rng_seed: RngSeed::Fixed(SEED), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_library_signs_passes(plan in plans()) {
        let sent = sent(&plan);
        let body = sent.verify(&credentials(plan.token), now());
        prop_assert_eq!(body.as_deref(), Ok(&plan.body[..]), "{:?}", sent);
    }

    #[test]
    fn a_changed_bit_is_refused(plan in plans(), place in 0_u8..5, at: Index, bit in 0_u8..8) {
        let sent = sent(&plan);
        if let Some(spoiled) = spoil(&sent, place, at, bit) {
            let denied = spoiled.verify(&credentials(plan.token), now());
            prop_assert!(denied.is_err(), "{:?}\nwas {:?}", spoiled, sent);
        }
    }

    #[test]
    fn frames_pass_whole_and_in_order(frames in vec(vec(any::<u8>(), 1..40), 0..5), at: Index, bit in 0_u8..8, cut: bool) {
        let (sent, plain) = framed(&frames);
        let body = sent.verify(&credentials(false), now());
        prop_assert_eq!(body.as_deref(), Ok(&plain[..]));
        // Without keys frames are taken off all the same.
        let body = sent.verify(&Credentials::Any, now());
        prop_assert_eq!(body.as_deref(), Ok(&plain[..]));

        let mut spoiled = sent.clone();
        let place = at.index(spoiled.body.len());
        if cut {
            spoiled.body.truncate(place);
        } else {
            spoiled.body[place] ^= 1 << bit;
        }
        match spoiled.verify(&credentials(false), now()) {
            // The size of a frame may be written in either case, and its last line end may be missing.
            Ok(body) => {
                prop_assert_eq!(&body, &plain[..]);
                let same = sent.body.eq_ignore_ascii_case(&spoiled.body) || spoiled.body.len() + 2 == sent.body.len();
                prop_assert!(same, "{:?}", String::from_utf8_lossy(&spoiled.body));
            }
            Err(denied) => prop_assert!(matches!(denied.code, "InvalidSignatureException" | "SerializationException"), "{:?}", denied),
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic(
        authorization in "(AWS4-HMAC-SHA256 )?((Credential|SignedHeaders|Signature|x)=[ -~]{0,40},? ?){0,4}\\PC{0,20}",
        date in "(20261121T150405Z|[0-9TZé:-]{0,20})",
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)=[ -~]{0,20}&){0,7}",
        body in vec(any::<u8>(), 0..80),
    ) {
        let mut sent = Sent { method: Method::POST, uri: Uri::from_static("/"), headers: http::HeaderMap::new(), body };
        if let Ok(uri) = Uri::try_from(format!("/?{}", query.replace(' ', "+"))) {
            sent.uri = uri;
        }
        if let Ok(value) = HeaderValue::from_bytes(date.as_bytes()) {
            sent.headers.insert("x-amz-date", value);
        }
        prop_assert!(sent.verify(&credentials(false), now()).is_err());
        if let Ok(value) = HeaderValue::from_bytes(authorization.as_bytes()) {
            sent.headers.insert("authorization", value);
        }
        prop_assert!(sent.verify(&credentials(false), now()).is_err());
        // Any credentials, but frames that are none.
        sent.headers.insert("x-amz-content-sha256", HeaderValue::from_static("STREAMING-UNSIGNED-PAYLOAD-TRAILER"));
        let _ = sent.verify(&Credentials::Any, now());
    }
}

/// A body in signed frames, and the same without them.
pub(crate) fn framed(frames: &[Vec<u8>]) -> (Sent, Vec<u8>) {
    let kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let plain = frames.concat();
    let plan = Plan {
        method: "PUT",
        path: "/a".to_owned(),
        headers: vec![
            ("content-encoding", "aws-chunked".to_owned()),
            ("x-amz-decoded-content-length", plain.len().to_string()),
        ],
        hash: true,
        ..Plan::default()
    };
    let settings = || {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings
    };
    let (mut sent, mut last) = sign_with(&plan, settings(), SignableBody::Precomputed(kind.to_owned()));
    for frame in frames.iter().map(Vec::as_slice).chain([&[][..]]) {
        let signed = with_params(&plan, settings(), |params| {
            sign_chunk(&Bytes::copy_from_slice(frame), &last, &params).unwrap().into_parts().1
        });
        sent.body.extend(format!("{:x};chunk-signature={signed}\r\n", frame.len()).bytes());
        sent.body.extend(frame);
        sent.body.extend(b"\r\n");
        last = signed;
    }
    (sent, plain)
}

#[test]
fn lines_of_frames_are_exact() {
    let (sent, _) = framed(&[b"one".to_vec()]);
    let text = String::from_utf8(sent.body.clone()).unwrap();
    for (old, new) in [
        (";", "; "),
        ("\r\n", " \r\n"),
        ("\r\n", "\n"),
        ("3;", "+3;"),
        ("3;", "ffffffffffffffff;"),
        ("3;", "00000000000000003;"),
        ("3;", ";"),
        ("chunk-", "Chunk-"),
    ] {
        assert!(text.contains(old));
        let spoiled = Sent {
            body: text.replacen(old, new, 1).into_bytes(),
            ..sent.clone()
        };
        let denied = spoiled.verify(&credentials(false), now()).expect_err(new);
        assert!(
            matches!(denied.code, "InvalidSignatureException" | "SerializationException"),
            "{new:?}: {denied:?}"
        );
    }
    for more in ["\r\n", "x", "1"] {
        let spoiled = Sent {
            body: format!("{text}{more}").into_bytes(),
            ..sent.clone()
        };
        assert_eq!(
            spoiled.verify(&credentials(false), now()).expect_err(more).code,
            "SerializationException"
        );
    }
}
