//! Forwarding: the cases of `upstream.toml`, and a neighbour on the loopback address that writes down what it gets.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Identity;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Limits, Upstream, UpstreamConfig};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::house::House;

const SECRET: &str = "made-up-secret/of+forty=characters000001";
const TOKEN: &str = "made-up/session+token==";
/// 2026-11-21T15:04:05Z
const NOW: u64 = 1_795_273_445;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "ID" => "AKIDUPSTREAM00000001",
        "SECRET" => SECRET,
        "TOKEN" => TOKEN,
        _ => return None,
    };
    Some(value.to_owned())
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    config: String,
    flag: Option<String>,
    /// A part of what the upstream shows of itself; nothing when there is none.
    gives: Option<String>,
    refused: Option<String>,
}

#[test]
fn configurations() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret.txt"), format!("{SECRET}\n")).unwrap();
    let cases: Cases = toml::from_str(include_str!("upstream.toml")).unwrap();
    for case in cases.case {
        let resolved = toml::from_str::<UpstreamConfig>(&case.config)
            .map_err(|error| error.message().to_owned())
            .and_then(|config| config.resolve(case.flag.as_deref(), folder.path(), &env));
        match (resolved, case.refused) {
            (Err(problem), Some(wanted)) => assert!(problem.contains(&wanted), "{}: {problem}", case.name),
            (Ok(None), None) => assert_eq!(case.gives, None, "{}", case.name),
            (Ok(Some(upstream)), None) => {
                let shown = format!("{upstream:?}");
                assert!(shown.contains(&case.gives.expect(&case.name)), "{}: {shown}", case.name);
                assert!(!shown.contains("made-up"), "{}: {shown}", case.name);
            }
            (outcome, wanted) => panic!("{}: {outcome:?}, not {wanted:?}", case.name),
        }
    }
}

fn upstream(url: &str, config: &str) -> Arc<Upstream> {
    let config: UpstreamConfig = toml::from_str(config).unwrap();
    let folder = std::path::Path::new(".");
    Arc::new(config.resolve(Some(url), folder, &env).unwrap().unwrap())
}

const SIGNS: &str = "access_key_env = 'ID'\nsecret_env = 'SECRET'\nsession_token_env = 'TOKEN'";

async fn house(upstream: Arc<Upstream>, limits: Limits, credentials: Credentials) -> House {
    let now = Timestamp::from_millis(i64::try_from(NOW).unwrap() * 1000);
    House::open_beside(limits, credentials, now, |_| Some(upstream)).await
}

/// A neighbour that answers one request and gives back what it read.
async fn neighbour(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let request = read_request(&mut socket).await;
        socket.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (url, task)
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let count = socket.read(&mut buffer).await.unwrap();
        assert!(count > 0, "ended early: {text}");
        bytes.extend_from_slice(&buffer[..count]);
    }
}

const ANSWER: &str = "HTTP/1.1 201 Made\r\ncontent-type: application/xml\r\nx-amz-request-id: THEIRS\r\nconnection: close, x-hop\r\nx-hop: 1\r\n\
                      transfer-encoding: chunked\r\n\r\n4\r\n<a/>\r\n5\r\n<b/>\n\r\n0\r\n\r\n";
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=00";

#[tokio::test]
async fn what_is_not_ours_goes_on_as_it_came() {
    let (url, got) = neighbour(ANSWER).await;
    let house = house(upstream(&url, ""), Limits::default(), Credentials::Any).await;
    let request = format!(
        "PUT /bucket//a%2Fb/../c?x=1+2&y=%20 HTTP/1.1\r\nHost: bucket.local:1\r\nAuthorization: {SIGNATURE}\r\nX-Amz-Content-Sha256: \
         STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Encoding: aws-chunked\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nVia: 1.0 proxy\r\n\
         Content-Length: 12\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    );
    let answer = house.talk(request.as_bytes()).await;
    for part in [
        "HTTP/1.1 201 ",
        "content-type: application/xml",
        "x-amz-request-id: THEIRS",
        "<a/>",
        "<b/>",
    ] {
        assert!(answer.contains(part), "no {part} in {answer}");
    }
    assert!(!answer.contains("x-hop"), "{answer}");
    let got = got.await.unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines[0], "PUT /bucket//a%2Fb/../c?x=1+2&y=%20 HTTP/1.1");
    for line in [
        "host: bucket.local:1",
        &format!("authorization: {SIGNATURE}"),
        "content-encoding: aws-chunked",
        "via: 1.0 proxy",
    ] {
        assert!(lines.contains(&line), "no {line} in {head}");
    }
    assert!(lines.iter().any(|line| line.starts_with("via: 1.1 bedplate-")), "{head}");
    assert!(!head.contains("x-mine") && !head.contains("connection"), "{head}");
    assert_eq!(body, "2\r\nhi\r\n0\r\n\r\n");
}

/// Which requests are ours: a neighbour that does not answer tells which were sent on.
#[tokio::test]
async fn only_what_is_not_ours_goes_on() {
    let house = house(upstream("http://127.0.0.1:9", ""), Limits::default(), Credentials::Any).await;
    let signed = |service: &str| format!("Authorization: {}\r\n", SIGNATURE.replace("/s3/", &format!("/{service}/")));
    for (name, request, away) in [
        ("ours", format!("POST /x HTTP/1.1\r\n{}", signed("bedrock")), false),
        ("ours, no route", format!("DELETE /x HTTP/1.1\r\n{}", signed("bedrock")), false),
        ("ours, not built", format!("PATCH /x HTTP/1.1\r\n{}", signed("bedrock")), true),
        (
            "another service's, under a path of ours",
            format!("POST /x HTTP/1.1\r\n{}", signed("s3")),
            true,
        ),
        ("unsigned, ours", "POST /x HTTP/1.1\r\n".into(), false),
        ("unsigned, no route", "DELETE /x HTTP/1.1\r\n".into(), true),
        (
            "another target",
            "POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n".into(),
            true,
        ),
        (
            "a form",
            format!(
                "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n{}",
                signed("sns")
            ),
            true,
        ),
        ("an unsigned form", "POST /?Action=Publish HTTP/1.1\r\n".into(), true),
        ("the admin door", "GET /_bedplate/x HTTP/1.1\r\n".into(), false),
        ("health", "GET /healthz HTTP/1.1\r\n".into(), false),
        ("welcome", "GET / HTTP/1.1\r\n".into(), false),
    ] {
        let answer = house
            .talk(format!("{request}Host: localhost\r\nConnection: close\r\n\r\n").as_bytes())
            .await;
        assert_eq!(answer.starts_with("HTTP/1.1 502 "), away, "{name}: {answer}");
        if away {
            assert!(
                answer.contains("The upstream http://127.0.0.1:9, which has this AWS service, cannot be reached"),
                "{name}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn a_neighbour_that_falls_silent() {
    let limits = || Limits {
        upstream_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let request = format!("GET /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {SIGNATURE}\r\n\r\n");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let first = house(upstream(&url, ""), limits(), Credentials::Any).await;
    let answer = first.talk(request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 504 ") && answer.contains("<Code>UpstreamTimeoutException</Code>"),
        "{answer}"
    );
    // Ends in the middle: the client must see that something is missing.
    let (url, _got) = neighbour("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let second = house(upstream(&url, ""), limits(), Credentials::Any).await;
    let answer = second.talk(request.as_bytes()).await;
    assert!(answer.contains("content-length: 10") && answer.ends_with("half"), "{answer}");
}

#[tokio::test]
async fn a_loop_ends_at_the_first_turn() {
    let now = Timestamp::from_millis(0);
    let at_itself = |address| Some(upstream(&format!("http://{address}"), ""));
    let house = House::open_beside(Limits::default(), Credentials::Any, now, at_itself).await;
    let request = format!("GET /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {SIGNATURE}\r\n\r\n");
    let answer = house.talk(request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 508 ") && answer.contains("UpstreamLoopException"),
        "{answer}"
    );
}

/// Sends one request through a house that signs anew, and compares what arrives with the SDKs' own signing.
async fn check_signed(service: &str, target: &str, sent: &str, body: &str, arrives: &str) {
    let (url, got) = neighbour(ANSWER).await;
    let house = house(upstream(&url, SIGNS), Limits::default(), Credentials::Any).await;
    let signature = SIGNATURE.replace("/s3/", &format!("/{service}/"));
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\nAuthorization: {signature}\r\nX-Amz-Date: 20200101T000000Z\r\n\
         X-Amz-Security-Token: old\r\n{sent}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = house.talk(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{service}: {answer}");
    let got = got.await.unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, arrives, "{service}");
    let mut lines = head.lines();
    let line = lines.next().unwrap();
    let target = line.split(' ').nth(1).unwrap();
    let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let signed: Vec<(&str, &str)> = headers
        .iter()
        .copied()
        .filter(|(name, _)| matches!(*name, "host" | "content-type") || name.starts_with("x-amz-"))
        .filter(|(name, _)| !matches!(*name, "x-amz-date" | "x-amz-content-sha256" | "x-amz-security-token"))
        .collect();
    assert!(signed.contains(&("host", url.strip_prefix("http://").unwrap())), "{head}");
    let wanted = oracle(service, &format!("{url}{target}"), &signed, body.as_bytes());
    for (name, value) in &wanted {
        assert!(headers.contains(&(name, value)), "{service}: no {name}: {value} in {head}");
    }
    assert!(wanted.iter().any(|(name, _)| name == "authorization"));
    assert!(!head.contains("old") && !head.contains("20200101"), "{head}");
}

/// The headers that the SDKs' signing library adds.
fn oracle(service: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<(String, String)> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = Identity::new("AKIDUPSTREAM00000001", SECRET, Some(TOKEN.into()), None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name(service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
        .settings(settings)
        .build()
        .unwrap();
    let request = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &params.into()).unwrap().into_parts();
    let (added, _) = instructions.into_parts();
    added
        .iter()
        .map(|header| (header.name().to_owned(), header.value().to_owned()))
        .collect()
}

#[tokio::test]
async fn signed_anew() {
    let kind = "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n";
    check_signed("dynamodb", "/", kind, "{}", "{}").await;
    check_signed(
        "s3",
        "/bucket/a%20b//c%2Fd?list-type=2&prefix=x%2Fy",
        "X-Amz-Meta-Note: a  b\r\n",
        "abc",
        "abc",
    )
    .await;
    check_signed("execute-api", "/stage/a%20b/c?b=2&a=1", "", "", "").await;
    let framed = "Content-Encoding: aws-chunked\r\nX-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nX-Amz-Trailer: x-amz-checksum-crc32\r\n\
                  X-Amz-Sdk-Checksum-Algorithm: CRC32\r\nX-Amz-Decoded-Content-Length: 2\r\n";
    check_signed(
        "s3",
        "/bucket/k",
        framed,
        "2\r\nhi\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        "hi",
    )
    .await;
}
