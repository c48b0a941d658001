//! Ready, full, ending.

use std::time::Duration;

use bedplate_http::{Drained, Limits};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, read_until};

#[tokio::test]
async fn ready_when_said_so() {
    let house = House::open(Limits::default()).await;
    house.ready.send_replace(false);
    let ask = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = house.talk(ask).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    house.ready.send_replace(true);
    assert!(house.talk(ask).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn requests_have_a_limit() {
    let mut house = House::open(Limits {
        requests_max: 1,
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let go = house.waits.recv().await.unwrap();
    let ask = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = house.talk(ask).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.contains("ThrottlingException") && answer.contains("retry-after: 1"),
        "{answer}"
    );
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
}

#[tokio::test]
async fn connections_wait_for_a_place() {
    let mut house = House::open(Limits {
        connections_max: 1,
        ..Limits::default()
    })
    .await;
    let mut first = house.connect().await;
    first
        .write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let go = house.waits.recv().await.unwrap();
    let mut second = house.connect().await;
    second.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(house.waits.try_recv().is_err(), "the second has no place yet");
    go.send(()).unwrap();
    read_until(&mut first, "waited").await;
    drop(first);
    house.waits.recv().await.unwrap().send(()).unwrap();
    read_until(&mut second, "waited").await;
}

#[tokio::test]
async fn running_requests_finish() {
    let mut house = House::open(Limits::default()).await;
    let mut waiting = house.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let go = house.waits.recv().await.unwrap();
    let mut streaming = house.connect().await;
    streaming.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    let mut idle = house.connect().await;
    idle.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    read_until(&mut idle, "0 bytes").await;

    house.shut_down();
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0, "an idle connection closes at once");
    assert!(TcpStream::connect(house.address).await.is_err(), "nobody new comes in");
    producer.send(Ok(Bytes::from_static(b"the last words"))).await.unwrap();
    read_until(&mut streaming, "the last words").await;
    assert!(!house.ended.is_finished());
    drop(producer);
    go.send(()).unwrap();
    read_until(&mut waiting, "waited").await;
    assert_eq!(house.ended.await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn the_rest_is_dropped() {
    let mut house = House::open(Limits {
        grace_time: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let mut for_ever = house.connect().await;
    for_ever.write_all(b"GET /for-ever HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut streaming = house.connect().await;
    streaming.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    house.shut_down();
    producer.closed().await;
    assert_eq!(house.ended.await.unwrap(), Drained::Cut);
    let mut rest = Vec::new();
    let _ = for_ever.read_to_end(&mut rest).await;
}

/// Half a request does not hold up the end.
#[tokio::test]
async fn half_a_request_holds_nothing_up() {
    let mut house = House::open(Limits::default()).await;
    let mut half = house.connect().await;
    half.write_all(b"GET /a HTTP/1.1\r\nhos").await.unwrap();
    let mut silent = house.connect().await;
    house.talk(b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    house.shut_down();
    assert_eq!(house.ended.await.unwrap(), Drained::Whole);
    for socket in [&mut half, &mut silent] {
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
}
