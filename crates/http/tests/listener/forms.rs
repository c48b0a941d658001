//! Operations that a form names: the body decides where a request goes.

use bedplate_base::Timestamp;
use bedplate_http::{Credentials, Limits};

use crate::house::House;
use crate::oracle::{self, ACCESS_KEY};
use crate::signed::{self, bytes, check};

fn form(body: &str, more: &str) -> Vec<u8> {
    let kind = "Content-Type: application/x-www-form-urlencoded; charset=utf-8";
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}\r\nContent-Length: {length}\r\n{more}\r\n{body}")
        .into_bytes()
}

#[tokio::test]
async fn a_form_goes_where_it_says() {
    let house = House::open(Limits::default()).await;
    check(
        &house,
        "a form",
        &form("Action=Ask&Version=2026-11-21", ""),
        &["HTTP/1.1 200 ", "POST / ? 29 bytes"],
    )
    .await;
    let in_query = b"GET /?Action=Ask HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    check(&house, "in the query", in_query, &["HTTP/1.1 200 ", "GET / ?Action=Ask 0 bytes"]).await;
    let refusals: [(&str, Vec<u8>, &[&str]); 4] = [
        (
            "unknown",
            form("Action=Tell", ""),
            &[
                "HTTP/1.1 400 ",
                "text/xml",
                "<Code>InvalidAction</Code>",
                "operation Tell for version",
            ],
        ),
        ("nothing", form("", ""), &["HTTP/1.1 400 ", "<Code>MissingAction</Code>"]),
        (
            "not UTF-8",
            form("Action=%ff", ""),
            &["HTTP/1.1 400 ", "<Code>MalformedQueryString</Code>"],
        ),
        (
            "too large",
            form(&format!("Action=Ask&A={}", "x".repeat(2 << 20)), ""),
            &["HTTP/1.1 413 ", "<Code>RequestEntityTooLargeException</Code>"],
        ),
    ];
    for (name, request, expect) in refusals {
        check(&house, name, &request, expect).await;
    }
    let other =
        "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-central-1/sns/aws4_request, SignedHeaders=host, Signature=00\r\n";
    let refused = ["HTTP/1.1 404 ", "does not serve form requests to the AWS service sns"];
    check(&house, "another service", &form("Action=Ask", other), &refused).await;
}

#[tokio::test]
async fn a_form_needs_its_own_services_signature() {
    let house = signed::open().await;
    let sent = |service: &str, body: &str| {
        let mut sent = oracle::signed(ACCESS_KEY, service, "POST", "/", body.into());
        let kind = "application/x-www-form-urlencoded".parse().unwrap();
        sent.headers.insert("content-type", kind);
        sent
    };
    check(
        &house,
        "signed",
        &bytes(&sent("sts", "Action=Ask")),
        &["HTTP/1.1 200 ", "from AKIDORACLE"],
    )
    .await;
    let wrong = ["HTTP/1.1 404 ", "does not serve form requests to the AWS service bedrock"];
    check(&house, "for another service", &bytes(&sent("bedrock", "Action=Ask")), &wrong).await;
    let mut changed = sent("sts", "Action=Ask");
    changed.body = b"Action=Axe".to_vec();
    check(
        &house,
        "changed",
        &bytes(&changed),
        &["HTTP/1.1 403 ", "<Code>SignatureDoesNotMatch</Code>"],
    )
    .await;
    let missing = ["HTTP/1.1 403 ", "<Code>MissingAuthenticationToken</Code>"];
    check(&house, "unsigned", &form("Action=Ask", ""), &missing).await;
    // The same server without keys takes it.
    let open = House::open_with(Limits::default(), Credentials::Any, Timestamp::from_millis(0)).await;
    check(&open, "unsigned, no keys", &form("Action=Ask", ""), &["HTTP/1.1 200 "]).await;
}
