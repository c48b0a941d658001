//! Functions that are somewhere else: a server of the test answers as it is told to, and shows what it was sent.

use std::convert::Infallible;
use std::time::Duration;

use bedplate_base::Kind;
use bedplate_lambda::{Options, Remote, Way};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::House;

/// Answers every request: the event says how, else with what it was sent.
async fn serve(listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(request).await) });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let headers: serde_json::Map<String, Value> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let target = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let event: Value = serde_json::from_slice(&body).unwrap();
    if event["hang"] == true {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(u16::try_from(event["status"].as_u64().unwrap_or(200)).unwrap());
    for (name, value) in event["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    let body = match (&event["body"], event["bytes"].as_u64()) {
        (_, Some(bytes)) => "x".repeat(usize::try_from(bytes).unwrap()),
        (Value::String(text), _) => text.clone(),
        _ => json!({"target": target, "headers": headers, "event": event}).to_string(),
    };
    response.body(Full::new(body.into())).unwrap()
}

/// A house whose `near` is an address and whose `there` is an endpoint.
async fn house(server: &mut JoinSet<()>) -> House {
    let house = House::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    server.spawn(serve(listener));
    let map = |name: &str, way: Way| house.host.map(name, Remote::new(way, Duration::from_secs(20)).unwrap()).unwrap();
    map("near", Way::Url(format!("{base}/hook?a=1")));
    let function = "Real".to_owned();
    map(
        "there",
        Way::Endpoint {
            url: format!("{base}/base/"),
            function,
            signing: None,
        },
    );
    house
}

fn options() -> Options {
    Options {
        client_context: Some(r#"{"custom":{"k":"ü"}}"#.into()),
        idempotency_key: Some("key/1".into()),
        request_id: Some("r1".into()),
        ..Options::default()
    }
}

#[tokio::test]
async fn keys_in_an_address_are_not_shown() {
    let house = House::new();
    let way = Way::Url("http://127.0.0.1:9/hook?code=secret".into());
    let remote = Remote::new(way, Duration::from_secs(20)).unwrap();
    house.host.map("far", remote).unwrap();
    let error = house.host.invoke("far", Bytes::new(), options()).await.unwrap_err();
    assert!(error.message.starts_with("http://127.0.0.1:9/hook?… cannot be reached"), "{error}");
}

#[tokio::test]
async fn what_is_sent() {
    let mut server = JoinSet::new();
    let house = house(&mut server).await;
    let ask = async |function: &str| -> Value {
        let got = house
            .host
            .invoke(function, Bytes::from_static(b"{\"b\":1}"), options())
            .await
            .unwrap();
        assert_eq!((got.request_id.as_str(), got.init_ms), ("r1", None));
        serde_json::from_slice(&got.result.unwrap()).unwrap()
    };
    let near = ask("arn:aws:lambda:eu-west-1:123456789012:function:near").await;
    assert_eq!(near["target"], "POST /hook?a=1");
    assert_eq!(
        (&near["event"], &near["headers"]["idempotency-key"]),
        (&json!({"b": 1}), &json!("key/1"))
    );
    assert_eq!(near["headers"]["content-type"], "application/json");

    let there = ask("there").await;
    assert_eq!(there["target"], "POST /base/2015-03-31/functions/Real/invocations");
    assert_eq!(there["headers"]["x-amz-invocation-type"], "RequestResponse");
    assert_eq!(there["headers"]["x-amz-client-context"], "eyJjdXN0b20iOnsiayI6Ilx1MDBmYyJ9fQ==");
    assert_eq!(there["headers"]["x-amz-log-type"], Value::Null, "other servers refuse it");
    assert_eq!(
        ask("there:live").await["target"],
        "POST /base/2015-03-31/functions/Real/invocations?Qualifier=live"
    );
}

#[tokio::test]
async fn what_comes_back() {
    let mut server = JoinSet::new();
    let house = house(&mut server).await;
    // An event, and what comes of it: an answer, a failure `! type message`, or an error `? kind message`.
    for (function, event, wanted) in [
        ("near", json!({"body": ""}), "null"),
        ("near", json!({"status": 201, "body": "[1]"}), "[1]"),
        (
            "near",
            json!({"status": 500, "body": "broke"}),
            "! unhandled Http.500 500 Internal Server Error: broke",
        ),
        (
            "near",
            json!({"status": 302, "headers": {"location": "http://else"}, "body": ""}),
            "! unhandled Http.302 to http://else; redirects are not followed",
        ),
        (
            "near",
            json!({"bytes": 6_291_557}),
            "! tooLarge Function.ResponseSizeTooLarge 6291556",
        ),
        (
            "near",
            json!({"hang": true}),
            "! timedOut Sandbox.Timedout Task timed out after 0.50 seconds",
        ),
        ("near", json!({"headers": {"x-amz-function-error": "Unhandled"}, "body": "1"}), "1"),
        (
            "there",
            json!({"headers": {"x-amz-function-error": "Unhandled"}, "body": "{\"errorType\":\"ValueError\",\"errorMessage\":\"no\"}"}),
            "! unhandled ValueError no",
        ),
        (
            "there",
            json!({"status": 404, "headers": {"x-amzn-errortype": "ResourceNotFoundException:http"}, "body": "{}"}),
            "? NotFound 404 Not Found",
        ),
        ("there", json!({"status": 429, "body": "slow"}), "? Throttled slow"),
        ("there", json!({"status": 400, "body": "bad"}), "? Validation bad"),
        ("there", json!({"status": 502, "body": "bad"}), "? Unavailable bad"),
        ("there", json!({"status": 500, "body": "{\"message\":\"x\"}"}), "? Unavailable x"),
        (
            "there",
            json!({"status": 500, "body": "{\"errorType\":\"Court\",\"errorMessage\":\"taken\"}"}),
            "! unhandled Court taken",
        ),
    ] {
        let options = Options {
            timeout: Some(Duration::from_millis(if event["hang"] == true { 500 } else { 20_000 })),
            ..Options::default()
        };
        let got = house.host.invoke(function, event.to_string().into(), options).await;
        let (is, message) = match got.map(|got| got.result) {
            Ok(Ok(body)) => (String::from_utf8(body.to_vec()).unwrap(), String::new()),
            Ok(Err(error)) => (format!("! {} {} ", error.kind.as_str(), error.error_type), error.message),
            Err(error) => (format!("? {:?} ", error.kind), error.message),
        };
        assert!(wanted.starts_with(&is), "{event}: {is}{message}");
        assert!(message.contains(&wanted[is.len()..]), "{event}: {is}{message}");
    }
}

#[tokio::test]
async fn nobody_there() {
    let house = House::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let map = |name: &str| {
        let way = Way::Endpoint {
            url: format!("http://127.0.0.1:{port}"),
            function: "f".into(),
            signing: None,
        };
        house.host.map(name, Remote::new(way, Duration::from_secs(20)).unwrap()).unwrap();
    };
    map("arn:aws:lambda:us-east-1:123456789012:function:f");
    let error = house.host.invoke("f", Bytes::new(), Options::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "an ARN maps that one only");
    map("f");
    let error = house.host.invoke("f", Bytes::new(), Options::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(
        error.message.contains("cannot be reached") && error.message.contains("sam local start-lambda"),
        "{error}"
    );
    assert!(house.host.is_mapped("f:live") && !house.host.is_mapped("g"));
}
