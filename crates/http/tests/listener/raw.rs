//! Bytes in, bytes out: the cases of `raw.toml`, and the ones that are too long to write down.

use std::sync::Arc;
use std::time::Duration;

use bedplate_http::Limits;
use bedplate_http::limits::BODY_BYTES_MAX;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::house::{House, read_until};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    send: String,
    /// Pieces that the whole answer must hold, in this order.
    expect: Vec<String>,
    /// Pieces that it must not hold.
    #[serde(default)]
    never: Vec<String>,
}

fn quick() -> Limits {
    Limits {
        header_time: Duration::from_millis(150),
        body_idle_time: Duration::from_millis(150),
        header_bytes_max: 8 << 10,
        headers_max: 20,
        ..Limits::default()
    }
}

#[tokio::test]
async fn cases() {
    let house = House::open(quick()).await;
    let cases: Cases = toml::from_str(include_str!("raw.toml")).unwrap();
    for case in cases.case {
        check(&house, case.send.as_bytes(), &case).await;
    }
}

#[tokio::test]
async fn long_cases() {
    let house = House::open(quick()).await;
    let many: String = (0..21).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = "a".repeat(9 << 10);
    let big = "b".repeat(BODY_BYTES_MAX + 1);
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "c".repeat(1 << 20));
    for (name, send, expect) in [
        ("too many headers", format!("GET /a HTTP/1.1\r\n{many}\r\n"), "HTTP/1.1 431 "),
        ("headers too long", format!("GET /a HTTP/1.1\r\nx: {long}\r\n\r\n"), "HTTP/1.1 431 "),
        ("path too long", format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), "HTTP/1.1 431 "),
        (
            "body too long, sent at once",
            format!(
                "PUT /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{big}",
                big.len()
            ),
            "RequestEntityTooLargeException",
        ),
        (
            "body too long, in chunks",
            format!(
                "PUT /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(8)
            ),
            "HTTP/1.1 413 ",
        ),
        (
            "chunks that fit",
            format!(
                "PUT /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
                chunk.repeat(7)
            ),
            "7340032 bytes",
        ),
    ] {
        let case = Case {
            name: name.to_owned(),
            send: String::new(),
            expect: vec![expect.to_owned()],
            never: Vec::new(),
        };
        check(&house, send.as_bytes(), &case).await;
    }
}

async fn check(house: &House, send: &[u8], case: &Case) {
    let answer = house.talk(send).await;
    let mut rest = answer.as_str();
    for piece in &case.expect {
        let Some(at) = rest.find(piece.as_str()) else {
            panic!("{}: {piece:?} is missing (in this order) in {answer:?}", case.name);
        };
        rest = &rest[at + piece.len()..];
    }
    for piece in &case.never {
        assert!(!answer.contains(piece.as_str()), "{}: {piece:?} in {answer:?}", case.name);
    }
}

/// A client that waits for `100 Continue` gets it, and gets a refusal instead when its body would be too long.
#[tokio::test]
async fn expect_continue() {
    let house = House::open(Limits::default()).await;
    let mut socket = house.connect().await;
    socket
        .write_all(b"PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut socket, "HTTP/1.1 100 Continue\r\n\r\n").await;
    socket.write_all(b"hello").await.unwrap();
    read_until(&mut socket, "5 bytes").await;

    let mut socket = house.connect().await;
    socket
        .write_all(b"PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\nexpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    let answer = read_until(&mut socket, "smaller than").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// A byte now and then does not keep a connection open: the time for the headers is counted from their start.
#[tokio::test]
async fn a_dripping_header_ends() {
    let house = House::open(quick()).await;
    let mut socket = house.connect().await;
    let mut answer = [0; 64];
    socket.write_all(b"GET /a HTTP/1.1\r\n").await.unwrap();
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            _ = drip.tick() => if socket.write_all(b"x").await.is_err() { break },
            read = socket.read(&mut answer) => if matches!(read, Ok(0) | Err(_)) { break },
        }
    }
}

/// All bodies together have a budget.
#[tokio::test]
async fn the_budget_of_bodies() {
    let mut house = House::open(Limits {
        bodies_bytes_max: 4096,
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first
        .write_all(b"PUT /wait HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
        .await
        .unwrap();
    let go = house.waits.recv().await.unwrap();
    let send = b"PUT /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let answer = house.talk(send).await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 1"), "{answer}");
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
    assert!(house.talk(send).await.starts_with("HTTP/1.1 200 "));
}

/// Whatever bytes come: the connection ends, and the listener goes on.
#[tokio::test]
async fn mutations() {
    let house = Arc::new(House::open(quick()).await);
    let cases: Cases = toml::from_str(include_str!("raw.toml")).unwrap();
    let mut seed = 0x5eed_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below.max(1)
    };
    let mut talks = JoinSet::new();
    for case in cases.case.iter().cycle().take(500) {
        let mut bytes = case.send.clone().into_bytes();
        for _ in 0..random(6) {
            let at = random(bytes.len());
            match random(3) {
                0 if !bytes.is_empty() => bytes[at] = u8::try_from(random(256)).unwrap(),
                1 => bytes.truncate(at),
                _ => bytes.insert(at, b"\r\n\0%/:;,\xff"[random(9)]),
            }
        }
        // Few at once: what overflows the kernel's backlog is open on one side only, and says nothing about us.
        if talks.len() == 32 {
            talks.join_next().await.unwrap().unwrap();
        }
        let house = Arc::clone(&house);
        talks.spawn(async move {
            let answer = house.talk(&bytes).await;
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.") || answer.contains('\0'),
                "{answer:?} to {bytes:?}"
            );
        });
    }
    while let Some(talk) = talks.join_next().await {
        talk.unwrap();
    }
    let answer = house.talk(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
