//! Who observes requests that fail is told what the client was told, and no credentials.

use bedplate_http::Limits;

use crate::house::House;

#[tokio::test]
async fn a_refused_request_is_told_without_its_query_and_headers() {
    let house = House::open(Limits::default()).await;
    let fine = house
        .talk(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await;
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
    let unknown = house
        .talk(b"PATCH /nowhere/at/all?X-Amz-Security-Token=hush HTTP/1.1\r\nhost: localhost\r\nx-secret: hush\r\nconnection: close\r\n\r\n")
        .await;
    let denied = house
        .talk(b"GET /_bedplate/x HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n")
        .await;
    let told = house.refused.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:#?}");
    for (answer, told) in [(&unknown, &told[0]), (&denied, &told[1])] {
        assert!(answer.contains(&told.request_id), "{answer} {told:#?}");
        assert!(answer.contains(&told.message[..20]), "{answer} {told:#?}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {}", told.status)), "{answer} {told:#?}");
    }
    assert_eq!(told[0].path, "/nowhere/at/all");
    assert_eq!(told[0].method, "PATCH");
    assert_eq!(told[1].code, "AccessDeniedException");
    assert!(!format!("{told:?}").contains("hush"), "{told:#?}");
}
