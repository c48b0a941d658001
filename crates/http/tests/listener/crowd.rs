//! Clients that press: silent, half, slow, too many of one address. Whoever behaves gets an answer all the same.

use std::time::Duration;

use bedplate_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, LARGE, read_until};

const ASK: &[u8] = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
/// Far below every time limit of the listener: an answer within it did not wait for one.
const SOON: Duration = Duration::from_secs(5);

async fn answered(house: &House) -> String {
    timeout(SOON, house.talk(ASK)).await.expect("a healthy client has to wait")
}

/// Connections that are not worked for leave when others come, whatever they have sent.
#[tokio::test]
async fn who_does_nothing_makes_room() {
    let house = House::open(Limits {
        connections_max: 8,
        ..Limits::default()
    })
    .await;
    let mut crowd: Vec<TcpStream> = Vec::new();
    for sent in [
        &b""[..],
        b"GET /a HTTP/1.1\r\nhos",
        b"PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhal",
        b"PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HT",
    ] {
        for _ in 0..20 {
            let mut socket = timeout(SOON, house.connect()).await.unwrap();
            // It may have been asked to leave already.
            let _ = socket.write_all(sent).await;
            crowd.push(socket);
        }
        let answer = answered(&house).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?} beside {sent:?}");
    }
}

/// Work is never thrown out.
#[tokio::test]
async fn who_is_worked_for_stays() {
    let mut house = House::open(Limits {
        connections_max: 2,
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let go = house.waits.recv().await.unwrap();
    for _ in 0..20 {
        let silent = house.connect().await;
        assert!(answered(&house).await.starts_with("HTTP/1.1 200 "));
        drop(silent);
    }
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
}

#[tokio::test]
async fn an_address_has_a_limit() {
    let mut house = House::open(Limits {
        connections_per_peer_max: 2,
        ..Limits::default()
    })
    .await;
    let mut working = Vec::new();
    for _ in 0..2 {
        let mut socket = house.connect().await;
        socket
            .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        working.push((house.waits.recv().await.unwrap(), socket));
    }
    // It is told before it asks.
    let mut third = house.connect().await;
    let mut answer = String::new();
    timeout(SOON, third.read_to_string(&mut answer)).await.unwrap().unwrap();
    for piece in [
        "HTTP/1.1 429 ",
        "x-amzn-errortype: ThrottlingException",
        "retry-after: 1",
        "too many connections",
    ] {
        assert!(answer.contains(piece), "{piece} in {answer}");
    }
    for (go, mut socket) in working {
        go.send(()).unwrap();
        read_until(&mut socket, "waited").await;
        socket.read_to_end(&mut Vec::new()).await.unwrap();
    }
    assert!(answered(&house).await.starts_with("HTTP/1.1 200 "), "places are free again");
}

/// A body that comes drop by drop ends, although it never stands still for long.
#[tokio::test]
async fn a_dripping_body_ends() {
    let house = House::open(Limits {
        body_idle_time: Duration::from_millis(200),
        body_rate_min: 1_000,
        ..Limits::default()
    })
    .await;
    let mut socket = house.connect().await;
    socket
        .write_all(b"PUT /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n")
        .await
        .unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    let mut answer = Vec::new();
    let dripping = async {
        loop {
            drip.tick().await;
            if writer.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        read = timeout(SOON, reader.read_to_end(&mut answer)) => { let _ = read.expect("it never ends"); }
        () = dripping => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("RequestTimeoutException"),
        "{answer}"
    );
}

/// A client that reads slowly gets its whole answer, although nothing has worked for it for a long while.
#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let house = House::open(Limits {
        header_time: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = vec![0; LARGE];
    let mut pauses = tokio::time::interval(Duration::from_millis(400));
    for part in answer.chunks_mut(LARGE / 4) {
        pauses.tick().await;
        socket.read_exact(part).await.expect("it was cut off");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

/// Large bodies leave memory for small ones.
#[tokio::test]
async fn small_bodies_have_room_of_their_own() {
    let mut house = House::open(Limits {
        bodies_bytes_max: 1 << 20,
        ..Limits::default()
    })
    .await;
    let large = 896 << 10;
    let send = |path: &str, bytes: usize| {
        let head = format!("PUT {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; bytes]].concat()
    };
    let mut first = house.connect().await;
    first.write_all(&send("/wait", large)).await.unwrap();
    let go = house.waits.recv().await.unwrap();
    let answer = house.talk(&send("/a", 300 << 10)).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.contains("ThrottlingException"),
        "{answer}"
    );
    let answer = house.talk(&send("/a", 100 << 10)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
    assert!(house.talk(&send("/a", 300 << 10)).await.starts_with("HTTP/1.1 200 "));
}

/// Turns wait for one another, up to a number and a time; everything else goes on beside them.
#[tokio::test]
async fn turns_have_a_queue() {
    let mut house = House::open(Limits {
        turns_max: 1,
        turns_waiting_max: 1,
        ..Limits::default()
    })
    .await;
    let turn = b"TURN /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut first = house.connect().await;
    first.write_all(turn).await.unwrap();
    let go_first = house.waits.recv().await.unwrap();
    let (mut second, mut third) = (house.connect().await, house.connect().await);
    second.write_all(turn).await.unwrap();
    third.write_all(turn).await.unwrap();
    // One of the two waits, the other one is told to come again.
    let (mut told, mut waits) = (String::new(), String::new());
    let second_is_told = tokio::select! {
        read = second.read_to_string(&mut told) => { read.unwrap(); true }
        read = third.read_to_string(&mut waits) => { read.unwrap(); false }
    };
    let answer = if second_is_told { &told } else { &waits };
    for piece in ["HTTP/1.1 429 ", "ThrottlingException", "retry-after: 1", "works on 1 turns"] {
        assert!(answer.contains(piece), "{piece} in {answer}");
    }
    assert!(answered(&house).await.starts_with("HTTP/1.1 200 "));
    go_first.send(()).unwrap();
    read_until(&mut first, "waited").await;
    house.waits.recv().await.unwrap().send(()).unwrap();
    let waiting = if second_is_told { &mut third } else { &mut second };
    read_until(waiting, "waited").await;
}

/// A turn that streams keeps its place until the stream ends.
#[tokio::test]
async fn a_stream_is_a_turn_until_its_end() {
    let mut house = House::open(Limits {
        turns_max: 1,
        turns_waiting_max: 8,
        turn_wait: Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first.write_all(b"TURN /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    read_until(&mut first, "\r\n\r\n").await;
    let turn = b"TURN /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(house.talk(turn).await.starts_with("HTTP/1.1 429 "), "it waits, but not for ever");
    drop(producer);
    read_until(&mut first, "0\r\n\r\n").await;
    assert!(house.talk(turn).await.starts_with("HTTP/1.1 200 "));
}

/// The admin door has a limit of its own, in both directions.
#[tokio::test]
async fn the_admin_door_has_its_own_limit() {
    let mut house = House::open(Limits {
        admin_max: 1,
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first
        .write_all(b"GET /_bedplate/wait HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let go = house.waits.recv().await.unwrap();
    let ask = b"GET /_bedplate/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = house.talk(ask).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.contains("ThrottlingException"),
        "{answer}"
    );
    assert!(answered(&house).await.starts_with("HTTP/1.1 200 "));
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
    assert!(house.talk(ask).await.starts_with("HTTP/1.1 200 "));
}
