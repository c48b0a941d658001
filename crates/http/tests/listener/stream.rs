//! Streams: every chunk at once, the producer sees the client go, a broken stream is not a whole one.

use bedplate_http::Limits;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{House, read_until};

#[tokio::test]
async fn chunks_come_as_they_are_made() {
    let mut house = House::open(Limits::default()).await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    let head = read_until(&mut socket, "\r\n\r\n").await;
    assert!(
        head.contains("transfer-encoding: chunked"),
        "headers come before the first chunk: {head}"
    );
    for chunk in ["one", "two"] {
        producer.send(Ok(Bytes::from_static(chunk.as_bytes()))).await.unwrap();
        read_until(&mut socket, chunk).await;
    }
    drop(producer);
    read_until(&mut socket, "0\r\n\r\n").await;
}

#[tokio::test]
async fn the_producer_sees_the_client_go() {
    let mut house = House::open(Limits::default()).await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    read_until(&mut socket, "\r\n\r\n").await;
    drop(socket);
    producer.closed().await;
}

#[tokio::test]
async fn a_broken_stream_has_no_end() {
    let mut house = House::open(Limits::default()).await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    producer.send(Ok(Bytes::from_static(b"one"))).await.unwrap();
    producer
        .send(Err(bedplate_base::Error::internal("the disk is gone")))
        .await
        .unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    assert!(
        answer.contains("one") && !answer.contains("0\r\n\r\n") && !answer.contains("disk"),
        "{answer}"
    );
}

/// A door is run to its end even when nobody waits for it any more.
#[tokio::test]
async fn a_door_outlives_its_client() {
    let mut house = House::open(Limits::default()).await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let go = house.waits.recv().await.unwrap();
    drop(socket);
    // Another whole exchange on a new connection: the listener has seen the first one close by then, or sees it while we go on.
    house.talk(b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(!go.is_closed());
    go.send(()).unwrap();
    house.shut_down();
    assert_eq!(house.ended.await.unwrap(), bedplate_http::Drained::Whole);
}

/// A client that does not read loses its connection, not the server its memory.
#[tokio::test]
async fn a_client_that_does_not_read() {
    let mut house = House::open(Limits {
        write_stall_time: std::time::Duration::from_millis(100),
        ..Limits::default()
    })
    .await;
    let mut socket = house.connect().await;
    socket.write_all(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let producer = house.streams.recv().await.unwrap();
    let chunk = Bytes::from(vec![0; 1 << 20]);
    while producer.send(Ok(chunk.clone())).await.is_ok() {}
    drop(socket);
}
