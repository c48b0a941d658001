//! HTTP/2 frame by frame, as no client library would send them: too many streams, resets, headers.

use std::time::Duration;

use bedplate_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, LARGE};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// RFC 9113 7.
const REFUSED_STREAM: u32 = 7;
const PROTOCOL_ERROR: u32 = 1;
const SOON: Duration = Duration::from_secs(10);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET path` in HPACK without compression.
fn get(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [&[0x82, 0x86, 0x04][..], &text(path), &[0x01], &text("localhost")].concat()
}

/// A header of `bytes` in HPACK, never indexed.
fn header(name: &str, bytes: usize) -> Vec<u8> {
    let mut out = vec![0x10, u8::try_from(name.len()).unwrap()];
    out.extend_from_slice(name.as_bytes());
    // An integer with a prefix of seven bits (RFC 7541 5.1).
    out.push(0x7f);
    let mut rest = bytes - 0x7f;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
    out.resize(out.len() + bytes, b'v');
    out
}

async fn open(house: &House) -> TcpStream {
    let mut socket = house.connect().await;
    socket.write_all(PREFACE).await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket
}

/// Reads frames until one suits; nothing when the connection ends before.
async fn find(socket: &mut TcpStream, suits: impl Fn(u8, u32, &[u8]) -> bool) -> Option<Vec<u8>> {
    loop {
        let mut head = [0; 9];
        timeout(SOON, socket.read_exact(&mut head)).await.expect("nothing comes").ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        socket.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        if suits(head[3], stream, &payload) {
            return Some(payload);
        }
    }
}

fn code(payload: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(payload[at..at + 4].try_into().unwrap())
}

async fn goes_on(house: &House) {
    let answer = timeout(SOON, house.talk(b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn streams_have_a_limit() {
    let mut house = House::open(Limits {
        streams_max: 2,
        ..Limits::default()
    })
    .await;
    let mut socket = open(&house).await;
    for stream in [1, 3, 5] {
        let ask = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/wait"));
        socket.write_all(&ask).await.unwrap();
    }
    let refused = find(&mut socket, |kind, stream, _| kind == RST_STREAM && stream == 5)
        .await
        .unwrap();
    assert_eq!(code(&refused, 0), REFUSED_STREAM);
    for _ in 0..2 {
        house.waits.recv().await.unwrap().send(()).unwrap();
    }
    for stream in [1, 3] {
        find(&mut socket, |kind, other, _| kind == HEADERS && other == stream)
            .await
            .unwrap();
    }
    goes_on(&house).await;
}

/// Streams that are opened and reset at once, without an end (CVE-2023-44487).
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let house = House::open(Limits::default()).await;
    let mut socket = open(&house).await;
    let mut flood = Vec::new();
    for number in 0..5_000 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/a")));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let (mut reader, mut writer) = socket.split();
    let mut answer = Vec::new();
    let (_, read) = tokio::join!(writer.write_all(&flood), timeout(SOON, reader.read_to_end(&mut answer)));
    let _ = read.expect("the connection goes on");
    goes_on(&house).await;
}

/// Headers that never end (CVE-2024-27316 and its kin).
#[tokio::test]
async fn endless_continuations_end_the_connection() {
    let house = House::open(Limits::default()).await;
    for piece in [header("x-long", 8 << 10), Vec::new()] {
        let mut socket = open(&house).await;
        socket.write_all(&frame(HEADERS, END_STREAM, 1, &get("/a"))).await.unwrap();
        let next = frame(CONTINUATION, 0, 1, &piece);
        let (mut reader, mut writer) = socket.split();
        let flood = async {
            // Far more than any limit; the connection ends long before.
            for _ in 0..200_000 {
                if writer.write_all(&next).await.is_err() {
                    return;
                }
            }
            panic!("the listener takes everything");
        };
        let mut answer = Vec::new();
        let ((), read) = tokio::join!(flood, timeout(SOON, reader.read_to_end(&mut answer)));
        let _ = read.expect("the connection goes on");
        goes_on(&house).await;
    }
}

/// Too many bytes of headers: that request is refused, the connection serves the next.
#[tokio::test]
async fn the_list_of_headers_has_a_limit() {
    let house = House::open(Limits {
        header_bytes_max: 16 << 10,
        ..Limits::default()
    })
    .await;
    let mut socket = open(&house).await;
    let block = [get("/a"), header("x-long", 15 << 10), header("x-longer", 15 << 10)].concat();
    let (first, rest) = block.split_at(16 << 10);
    socket.write_all(&frame(HEADERS, END_STREAM, 1, first)).await.unwrap();
    socket.write_all(&frame(CONTINUATION, END_HEADERS, 1, rest)).await.unwrap();
    socket
        .write_all(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &get("/a")))
        .await
        .unwrap();
    let refused = find(&mut socket, |kind, stream, _| stream == 1 && kind == HEADERS).await;
    let refused = refused.expect("the stream is refused");
    // `:status` in HPACK, and 431 in its Huffman code.
    assert!(refused.starts_with(&[0x48, 0x83, 105, 144, 255]), "{refused:?}");
    find(&mut socket, |kind, stream, _| stream == 3 && kind == HEADERS).await.unwrap();
    goes_on(&house).await;
}

/// Frames that cost an answer each, from somebody who reads none; and what is no HTTP/2 ends with a reason.
#[tokio::test]
async fn floods_of_settings_and_pings_are_answered_or_ended() {
    let house = House::open(Limits::default()).await;
    for flood in [
        frame(SETTINGS, 0, 0, &[]),
        frame(6, 0, 0, &[0; 8]),
        frame(0, 0, 1, b""),
        frame(8, 0, 0, &[0; 4]),
    ] {
        let mut socket = open(&house).await;
        let (mut reader, mut writer) = socket.split();
        let many = flood.repeat(20_000);
        let mut answer = Vec::new();
        // Nobody reads the answers: the listener must not keep them all.
        let _ = timeout(Duration::from_millis(500), writer.write_all(&many)).await;
        let _ = timeout(Duration::from_millis(50), reader.read_to_end(&mut answer)).await;
        goes_on(&house).await;
    }
    let mut socket = open(&house).await;
    socket.write_all(&frame(0, 0, 0, b"data on no stream")).await.unwrap();
    let told = find(&mut socket, |kind, _, _| kind == GOAWAY).await.expect("it says why");
    assert_eq!(code(&told, 4), PROTOCOL_ERROR);
}

/// SETTINGS by which a client lets the listener send nothing at all (INITIAL_WINDOW_SIZE 0).
async fn open_without_a_window(house: &House) -> TcpStream {
    let mut socket = house.connect().await;
    socket.write_all(PREFACE).await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    socket
}

/// An answer that its client never takes, although it reads and answers everything else, does not stay for ever (CVE-2019-9517 and its kin).
#[tokio::test]
async fn an_answer_that_nobody_takes_ends_the_connection() {
    let house = House::open(Limits {
        header_time: Duration::from_millis(50),
        write_stall_time: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let mut socket = open_without_a_window(&house).await;
    let ask = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/a"));
    socket.write_all(&ask).await.unwrap();
    find(&mut socket, |kind, stream, _| kind == HEADERS && stream == 1).await.unwrap();
    assert_eq!(find(&mut socket, |_, stream, _| stream == 1).await, None, "it ends without a body");
    goes_on(&house).await;
}

/// Too many such answers: the one that has waited longest goes, and whoever reads is served.
#[tokio::test]
async fn answers_that_nobody_takes_have_a_budget() {
    let house = House::open(Limits {
        answers_bytes_max: LARGE * 2 + LARGE / 2,
        ..Limits::default()
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut socket = open_without_a_window(&house).await;
        let ask = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/large"));
        socket.write_all(&ask).await.unwrap();
        find(&mut socket, |kind, stream, _| kind == HEADERS && stream == 1).await.unwrap();
        idle.push(socket);
    }
    let answer = house.talk(b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.len() > LARGE);
    assert_eq!(find(&mut idle[0], |_, stream, _| stream == 1).await, None, "the first had to leave");
    goes_on(&house).await;
}
