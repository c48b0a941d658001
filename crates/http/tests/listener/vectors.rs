//! What SDKs signed passes, and what was changed since does not: the cases of `vectors.json` (boto3, made by `vectors.py`), `javascript.json`
//! (made by `javascript.mjs`) and `refusals.toml`.

use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Denied, Head, Key, Proof, Secret};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

/// A request as it reaches the listener.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    pub(crate) fn examine(&self, credentials: &Credentials, now: Timestamp) -> Result<Proof, Denied> {
        let Self { method, uri, headers, .. } = self;
        credentials.examine(&Head { method, uri, headers }, now)
    }

    /// The whole verification: the body without frames.
    pub(crate) fn verify(&self, credentials: &Credentials, now: Timestamp) -> Result<Bytes, Denied> {
        self.examine(credentials, now)?.settle(Bytes::from(self.body.clone()))
    }
}

pub(crate) fn key(access_key: &str, secret: &str, token: Option<&str>) -> Key {
    Key {
        name: "test".to_owned(),
        access_key: access_key.to_owned(),
        secret: Secret::new(secret),
        bearer: None,
        session_token: token.map(Secret::new),
        account: None,
        regions: Vec::new(),
        admin: false,
    }
}

#[derive(Deserialize)]
pub(crate) struct Vectors {
    pub(crate) now: String,
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) case: Vec<Vector>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
    pub(crate) token: Option<String>,
    authority: Option<String>,
}

impl Vectors {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("vectors.json")).unwrap()
    }

    pub(crate) fn javascript() -> Self {
        serde_json::from_str(include_str!("javascript.json")).unwrap()
    }

    fn all() -> [Self; 2] {
        [Self::read(), Self::javascript()]
    }

    pub(crate) fn credentials(&self, token: Option<&str>) -> Credentials {
        Credentials::Keys(vec![
            key("AKIDSOMEBODYELSE", "a secret of somebody else", None),
            key(&self.access_key, &self.secret, token),
        ])
    }
}

impl Vector {
    pub(crate) fn sent(&self) -> Sent {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap());
        }
        let uri = match &self.authority {
            Some(authority) => format!("http://{authority}{}", self.target),
            None => self.target.clone(),
        };
        Sent {
            method: self.method.parse().unwrap(),
            uri: uri.parse().unwrap(),
            headers,
            body: self.body.clone().into_bytes(),
        }
    }
}

#[test]
fn what_sdks_sign_passes() {
    for vectors in Vectors::all() {
        let now = Timestamp::parse_iso(&vectors.now).unwrap();
        for case in &vectors.case {
            let (sent, credentials) = (case.sent(), vectors.credentials(case.token.as_deref()));
            let proof = sent.examine(&credentials, now).expect(&case.name);
            let signer = proof.signer.clone().unwrap();
            assert_eq!(signer.scope.access_key, vectors.access_key, "{}", case.name);
            assert_eq!(signer.scope.region.as_deref(), Some("eu-central-1"), "{}", case.name);
            proof.covers(&signer.scope.service).unwrap();
            assert_eq!(
                proof.covers("other").unwrap_err().code,
                "InvalidSignatureException",
                "{}",
                case.name
            );
            let body = proof.settle(Bytes::from(sent.body.clone())).expect(&case.name);
            assert_eq!(body, sent.body, "{}", case.name);
        }
    }
}

#[test]
fn what_sdks_sign_passes_for_its_key_and_body_only() {
    for vectors in Vectors::all() {
        let now = Timestamp::parse_iso(&vectors.now).unwrap();
        for case in &vectors.case {
            let token = case.token.as_deref();
            let (signed, other) = (case.sent(), "another secret, as long");
            let refused = |sent: &Sent, credentials: Credentials, code: &str| {
                let denied = sent.verify(&credentials, now).expect_err(&case.name);
                assert_eq!((denied.status, denied.code), (403, code), "{}", case.name);
            };
            refused(&signed, Credentials::Keys(Vec::new()), "UnrecognizedClientException");
            refused(&signed, vectors.credentials(Some("another token")), "UnrecognizedClientException");
            let wrong = key(&vectors.access_key, other, token);
            refused(&signed, Credentials::Keys(vec![wrong]), "InvalidSignatureException");
            let mut elsewhere = key(&vectors.access_key, &vectors.secret, token);
            elsewhere.regions = vec!["us-east-1".to_owned()];
            refused(&signed, Credentials::Keys(vec![elsewhere]), "InvalidSignatureException");
            let mut more = signed.clone();
            more.body.push(b' ');
            refused(&more, vectors.credentials(token), "InvalidSignatureException");
        }
    }
}

#[derive(Deserialize)]
struct Refusals {
    case: Vec<Refusal>,
}

/// A vector and what is changed about it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    name: String,
    /// The vector.
    base: String,
    /// When it comes, instead of when it was signed.
    at: Option<String>,
    #[serde(default)]
    remove: Vec<String>,
    /// Headers that are added.
    #[serde(default)]
    add: Vec<(String, String)>,
    /// Header, old text, new text; the target of the request is called `:path`.
    #[serde(default)]
    replace: Vec<(String, String, String)>,
    status: u16,
    code: String,
    message: String,
}

#[test]
fn refusals() {
    let vectors = Vectors::read();
    let cases: Refusals = toml::from_str(include_str!("refusals.toml")).unwrap();
    for case in cases.case {
        let vector = vectors.case.iter().find(|vector| vector.name == case.base).expect(&case.base);
        let mut sent = vector.sent();
        for name in &case.remove {
            assert!(sent.headers.remove(name.as_str()).is_some(), "{}", case.name);
        }
        for (name, old, new) in &case.replace {
            if name == ":path" {
                let uri = sent.uri.to_string();
                assert!(uri.contains(old), "{}: {uri}", case.name);
                sent.uri = uri.replace(old, new).parse().unwrap();
            } else {
                let value = sent.headers[name.as_str()].to_str().unwrap();
                assert!(value.contains(old), "{}: {value}", case.name);
                sent.headers
                    .insert(name.parse::<HeaderName>().unwrap(), value.replace(old, new).parse().unwrap());
            }
        }
        for (name, value) in &case.add {
            sent.headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let now = Timestamp::parse_iso(case.at.as_ref().unwrap_or(&vectors.now)).unwrap();
        let denied = sent
            .verify(&vectors.credentials(vector.token.as_deref()), now)
            .expect_err(&case.name);
        assert_eq!(
            (denied.status, denied.code, denied.message.as_str()),
            (case.status, case.code.as_str(), case.message.as_str()),
            "{}",
            case.name
        );
        let shown = format!("{denied:?}");
        assert!(!shown.contains(&vectors.secret), "{}", case.name);
    }
}

#[test]
fn nothing_shows_a_secret() {
    let vectors = Vectors::read();
    let credentials = vectors.credentials(Some("made-up/session+token=="));
    let sent = vectors.case.iter().find(|case| case.name == "session token").unwrap().sent();
    let proof = sent.examine(&credentials, Timestamp::parse_iso(&vectors.now).unwrap()).unwrap();
    let shown = format!("{credentials:?} {proof:?}");
    assert!(shown.contains(&vectors.access_key), "{shown}");
    assert!(!shown.contains(&vectors.secret) && !shown.contains("session+token"), "{shown}");
}
