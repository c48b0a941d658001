//! HTTP/2 with prior knowledge, on the same port.

use bedplate_http::Limits;
use bedplate_http::limits::BODY_BYTES_MAX;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::house::House;

pub(crate) async fn client(house: &House) -> http2::SendRequest<Full<Bytes>> {
    let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(house.connect().await))
        .await
        .unwrap();
    tokio::spawn(connection);
    send
}

fn put(house: &House, path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    Request::put(format!("http://{}{path}", house.address))
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

#[tokio::test]
async fn requests_run_side_by_side() {
    let mut house = House::open(Limits::default()).await;
    let mut send = client(&house).await;
    let slow = send.send_request(put(&house, "/wait", Vec::new()));
    let slow = tokio::spawn(slow);
    let go = house.waits.recv().await.unwrap();
    let response = send.send_request(put(&house, "/a?b", vec![0; 10])).await.unwrap();
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "PUT /a ?b 10 bytes from @000000000000/us-east-1");
    go.send(()).unwrap();
    let body = slow.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "waited");
}

#[tokio::test]
async fn a_body_that_is_too_long() {
    let house = House::open(Limits::default()).await;
    let mut send = client(&house).await;
    let response = send.send_request(put(&house, "/a", vec![0; BODY_BYTES_MAX + 1])).await.unwrap();
    assert_eq!(response.status(), 413);
    let response = send.send_request(put(&house, "/a", vec![0; BODY_BYTES_MAX])).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_reset_stream_drops_its_producer() {
    let mut house = House::open(Limits::default()).await;
    let mut send = client(&house).await;
    let (response, producer) = tokio::join!(send.send_request(put(&house, "/stream", Vec::new())), house.streams.recv());
    let (mut body, producer) = (response.unwrap().into_body(), producer.unwrap());
    producer.send(Ok(Bytes::from_static(b"one"))).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    drop(body);
    producer.closed().await;
    let response = send.send_request(put(&house, "/a", Vec::new())).await.unwrap();
    assert_eq!(response.status(), 200, "the connection goes on");
}
