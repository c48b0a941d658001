//! A listener that asks for signatures, over real sockets.

use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Limits};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};

use crate::house::House;
use crate::http2::client;
use crate::oracle::{self, framed, signed};
use crate::vectors::{Sent, Vectors, key};

/// The keys of the vectors and the oracle, the first with an account of its own, the second for the admin door.
pub(crate) async fn open() -> House {
    let vectors = Vectors::read();
    let mut first = key(&vectors.access_key, &vectors.secret, None);
    first.account = Some("123456789012".to_owned());
    let mut second = oracle::key(false);
    second.admin = true;
    let third = key("AKIDPLAIN", oracle::SECRET, None);
    let now = Timestamp::parse_iso(&vectors.now).unwrap();
    House::open_with(Limits::default(), Credentials::Keys(vec![first, second, third]), now).await
}

/// The request as HTTP/1.1 writes it.
pub(crate) fn bytes(sent: &Sent) -> Vec<u8> {
    let mut out = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", sent.method, sent.uri).into_bytes();
    for (name, value) in &sent.headers {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if !sent.headers.contains_key("content-length") {
        out.extend(format!("content-length: {}\r\n", sent.body.len()).bytes());
    }
    out.extend(b"\r\n");
    out.extend(&sent.body);
    out
}

pub(crate) async fn check(house: &House, name: &str, bytes: &[u8], expect: &[&str]) {
    let answer = house.talk(bytes).await;
    let mut rest = answer.as_str();
    for piece in expect {
        let Some(at) = rest.find(piece) else {
            panic!("{name}: no {piece:?} in {answer:?}");
        };
        rest = &rest[at + piece.len()..];
    }
}

#[tokio::test]
async fn services_need_a_signature() {
    let house = open().await;
    let vectors = Vectors::read();
    let sent = |name: &str| vectors.case.iter().find(|case| case.name == name).expect(name).sent();
    let good = sent("repeated parameters");
    let from = "from AKIDEXAMPLE00000001@123456789012/eu-central-1";
    check(&house, "signed", &bytes(&good), &["HTTP/1.1 200 ", "GET /a ?b=2&b=1", from]).await;
    let presigned = oracle::presigned("/a");
    check(
        &house,
        "presigned",
        &bytes(&presigned),
        &["HTTP/1.1 200 ", "GET /a ?X-Amz-", "from AKIDORACLE"],
    )
    .await;
    check(
        &house,
        "a turn",
        &bytes(&sent("a turn")),
        &["HTTP/1.1 200 ", "POST /agents/", "46 bytes"],
    )
    .await;

    let mut unsigned = good.clone();
    unsigned.headers.remove("authorization");
    let missing = [
        "HTTP/1.1 403 ",
        "x-amzn-errortype: MissingAuthenticationTokenException",
        r#"{"message":"Missing Authentication Token"}"#,
    ];
    check(&house, "unsigned", &bytes(&unsigned), &missing).await;
    unsigned
        .headers
        .insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    check(
        &house,
        "unsigned query",
        &bytes(&unsigned),
        &["HTTP/1.1 403 ", "<Code>MissingAuthenticationToken</Code>"],
    )
    .await;
    let mut target = unsigned.clone();
    target.headers.insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
    let missing = [
        "HTTP/1.1 403 ",
        r#"{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#,
    ];
    check(&house, "unsigned awsJson", &bytes(&target), &missing).await;

    let mut body = sent("a turn");
    body.body[3] ^= 1;
    let mismatch = [
        "HTTP/1.1 403 ",
        "x-amzn-errortype: InvalidSignatureException",
        "The request signature we calculated does not match",
    ];
    check(&house, "a changed body", &bytes(&body), &mismatch).await;
    let service = ["HTTP/1.1 403 ", "Credential should be scoped to correct service: 'bedrock'."];
    check(&house, "another service", &bytes(&sent("a query to escape")), &service).await;
}

#[tokio::test]
async fn some_pages_need_none() {
    let house = open().await;
    check(&house, "health", b"GET /healthz HTTP/1.0\r\n\r\n", &["200 ", "ok"]).await;
    check(&house, "welcome", b"GET / HTTP/1.0\r\n\r\n", &["200 ", "This is Bedplate"]).await;
    check(&house, "admin", b"GET /_bedplate/a HTTP/1.0\r\n\r\n", &["200 ", "GET /_bedplate/a"]).await;
}

#[tokio::test]
async fn the_admin_door_opens_from_elsewhere_to_its_keys() {
    let house = open().await;
    // What a proxy on this machine passes on comes from elsewhere.
    let from_afar = |mut sent: Sent| {
        sent.headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        bytes(&sent)
    };
    let request = |key: &str, service: &str| from_afar(signed(key, service, "POST", "/_bedplate/a", b"{}".to_vec()));
    let mut unsigned = signed(oracle::ACCESS_KEY, "bedplate", "POST", "/_bedplate/a", Vec::new());
    unsigned.headers.remove("authorization");
    check(
        &house,
        "unsigned",
        &from_afar(unsigned),
        &["HTTP/1.1 403 ", "MissingAuthenticationTokenException"],
    )
    .await;
    let right = request(oracle::ACCESS_KEY, "bedplate");
    check(
        &house,
        "the right key",
        &right,
        &["HTTP/1.1 200 ", "POST /_bedplate/a ? 2 bytes from AKIDORACLE"],
    )
    .await;
    let service = ["HTTP/1.1 403 ", "Credential should be scoped to correct service: 'bedplate'."];
    check(&house, "another service", &request(oracle::ACCESS_KEY, "bedrock"), &service).await;
    let refused = ["HTTP/1.1 403 ", "AccessDeniedException", "write admin = true under [keys.test]"];
    check(&house, "a plain key", &request("AKIDPLAIN", "bedplate"), &refused).await;
    let mut spoiled = right;
    *spoiled.last_mut().unwrap() ^= 1;
    check(&house, "a changed body", &spoiled, &["HTTP/1.1 403 ", "InvalidSignatureException"]).await;
}

#[tokio::test]
async fn bodies_in_frames_and_large_ones() {
    let house = open().await;
    let (sent, _) = framed(&[b"one".to_vec(), b"three".to_vec()]);
    check(&house, "frames", &bytes(&sent), &["HTTP/1.1 200 ", "PUT /a ? 8 bytes"]).await;
    let mut cut = sent.clone();
    cut.body.truncate(cut.body.len() - 90);
    check(
        &house,
        "a cut frame",
        &bytes(&cut),
        &["HTTP/1.1 400 ", "SerializationException", "aws-chunked"],
    )
    .await;
    let large = signed(oracle::ACCESS_KEY, "bedrock", "PUT", "/a", vec![b'x'; 3 << 20]);
    check(&house, "large", &bytes(&large), &["HTTP/1.1 200 ", "PUT /a ? 3145728 bytes"]).await;
    // A client that writes first and reads later gets its answer, not a reset connection.
    let mut unsigned = large.clone();
    unsigned.headers.remove("authorization");
    unsigned.body = vec![b'x'; 24 << 20];
    check(
        &house,
        "large, unsigned",
        &bytes(&unsigned),
        &["HTTP/1.1 403 ", "MissingAuthenticationTokenException"],
    )
    .await;
    let mut spoiled = large.clone();
    spoiled.body[1 << 20] ^= 1;
    check(
        &house,
        "large, spoiled",
        &bytes(&spoiled),
        &["HTTP/1.1 403 ", "InvalidSignatureException"],
    )
    .await;
}

#[tokio::test]
async fn http2_is_signed_with_its_authority() {
    let house = open().await;
    let sent = Vectors::javascript().case[0].sent();
    let mut send = client(&house).await;
    let mut ask = async |body: Vec<u8>| {
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = sent.method.clone();
        *request.uri_mut() = sent.uri.clone();
        *request.headers_mut() = sent.headers.clone();
        let response = send.send_request(request).await.unwrap();
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, body) = ask(sent.body.clone()).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    let mut other = sent.body.clone();
    other[2] ^= 1;
    let (status, body) = ask(other).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{body:?}");
    assert_eq!(
        body,
        r#"{"message":"The body does not have the SHA-256 that x-amz-content-sha256 names."}"#
    );
}

#[test]
fn credentials_suit_an_address() {
    for (address, suits) in [
        ("127.0.0.1", true),
        ("::1", true),
        ("::ffff:127.0.0.2", true),
        ("0.0.0.0", false),
        ("::", false),
        ("192.0.2.1", false),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(Credentials::Any.suit(address).is_ok(), suits, "{address}");
        assert!(Credentials::Keys(Vec::new()).suit(address).is_ok(), "{address}");
    }
}
