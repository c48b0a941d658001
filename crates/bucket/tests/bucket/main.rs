//! Buckets through S3's wire, against a model that is a sorted map.

// Helpers of tests are tests too, and own their tasks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bedplate_base::{BoxFuture, Clock, Error, Kind, Timestamp};
use bedplate_bucket::{BucketConfig, Buckets, Caller, Objects, Remote, Service, Uri};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use proptest::prelude::*;

/// A clock that goes on by one nanosecond a look: no two files get the same time by chance, and none gets another in the next run.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }
}

/// A server's buckets.
struct House {
    buckets: Buckets,
    service: Service,
}

/// An answer with its body.
struct Answer {
    status: u16,
    text: String,
}

impl House {
    fn open(folder: &Path, mapped: &[(&str, &Path)]) -> Self {
        let mapped = mapped.iter().map(|(name, folder)| {
            let config = BucketConfig {
                folder: folder.to_path_buf(),
                read_only: false,
            };
            ((*name).to_owned(), config)
        });
        let clock = Arc::new(Ticking(AtomicI64::new(1_795_273_445_000_000_000)));
        let buckets = Buckets::open(folder, &mapped.collect(), folder, "us-east-1", clock).expect("they open");
        Self {
            service: Service::new(buckets.clone()),
            buckets,
        }
    }

    async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("content-length", body.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {});
        let request = request.body(UnsyncBoxBody::new(body)).unwrap();
        let caller = Caller {
            account: "000000000000".into(),
            region: "us-east-1".into(),
            request_id: "r".into(),
        };
        let answer = self.service.call(request, caller).await;
        let status = answer.status().as_u16();
        let pieces: Vec<Bytes> = answer.into_body().try_collect().await.expect("the body is whole");
        Answer {
            status,
            text: String::from_utf8_lossy(&pieces.concat()).into_owned(),
        }
    }

    async fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Answer {
        self.ask("PUT", &format!("/{bucket}/{}", escape(key)), &[], body).await
    }

    /// All keys and groups, page by page.
    async fn list(&self, bucket: &str, prefix: &str, delimiter: &str, size: usize) -> (Vec<String>, Vec<String>) {
        let (mut keys, mut groups, mut token) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let more = token
                .as_ref()
                .map_or(String::new(), |token| format!("&continuation-token={}", escape(token)));
            let target = format!(
                "/{bucket}?list-type=2&encoding-type=url&max-keys={size}&prefix={}&delimiter={}{more}",
                escape(prefix),
                escape(delimiter)
            );
            let page = self.ask("GET", &target, &[], b"").await;
            assert_eq!(page.status, 200, "{}", page.text);
            let (found, grouped) = (all(&page.text, "Key"), all(&page.text, "Prefix"));
            // The first one is that of the request.
            let grouped: Vec<String> = grouped.into_iter().skip(usize::from(page.text.contains("</Prefix>"))).collect();
            assert!(found.len() + grouped.len() <= size);
            keys.extend(found);
            groups.extend(grouped);
            token = all(&page.text, "NextContinuationToken").pop();
            assert_eq!(token.is_some(), page.text.contains("<IsTruncated>true"));
            if token.is_none() {
                return (keys, groups);
            }
        }
    }
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'%' => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                rest = &after[2..];
            }
            byte => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The texts of all elements of a name.
fn all(xml: &str, name: &str) -> Vec<String> {
    let open = format!("<{name}>");
    xml.split(&open)
        .skip(1)
        .map(|rest| unescape(rest.split_once("</").map_or("", |(text, _)| text)))
        .collect()
}

/// What S3 would list.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> (Vec<String>, Vec<String>) {
    let (mut plain, mut groups) = (Vec::new(), Vec::new());
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => {
                let group = key[..prefix.len() + at + delimiter.len()].to_owned();
                if groups.last() != Some(&group) {
                    groups.push(group);
                }
            }
            None => plain.push(key.clone()),
        }
    }
    (plain, groups)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_those_of_a_sorted_map(
        keys in proptest::collection::btree_set("[ab]{0,2}(/[ab%._]{0,2}){0,3}|[a!0]{1,3}|a{198,203}(/b|c)?", 1..25),
        prefix in "|a|b/|a/a|/|aa/",
        delimiter in "|/|b|//",
        size in 1_usize..8,
    ) {
        let keys: BTreeSet<String> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let house = House::open(folder.path(), &[]);
            assert_eq!(house.ask("PUT", "/bucket", &[], b"").await.status, 200);
            for key in &keys {
                let put = house.put("bucket", key, key.as_bytes()).await;
                assert_eq!(put.status, 200, "{key:?}: {}", put.text);
            }
            assert_eq!(house.list("bucket", &prefix, &delimiter, size).await, model(&keys, &prefix, &delimiter), "{keys:?}");
            for key in &keys {
                assert_eq!(house.ask("DELETE", &format!("/bucket/{}", escape(key)), &[], b"").await.status, 204);
            }
            // Nothing stays behind.
            assert_eq!(std::fs::read_dir(folder.path().join("bucket")).unwrap().count(), 0);
            assert_eq!(house.ask("DELETE", "/bucket", &[], b"").await.status, 204);
        });
    }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = House::open(folder.path(), &[]);
    first.ask("PUT", "/bucket", &[], b"").await;
    let about = [("content-type", "text/x"), ("x-amz-meta-a", "b"), ("cache-control", "no-store")];
    first.ask("PUT", "/bucket/k", &about, b"text").await;
    let begun = first.ask("POST", "/bucket/large?uploads", &[], b"").await;
    let id = all(&begun.text, "UploadId").pop().unwrap();
    let part = format!("/bucket/large?partNumber=1&uploadId={id}");
    assert_eq!(first.ask("PUT", &part, &[], b"part").await.status, 200);
    drop(first);
    // What a process that was killed left behind.
    std::fs::write(folder.path().join(".drafts/.bedplate-X"), "half").unwrap();
    let second = House::open(folder.path(), &[]);
    assert!(!folder.path().join(".drafts/.bedplate-X").exists());
    assert_eq!(second.ask("GET", "/bucket/k", &[], b"").await.text, "text");
    let list = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>c6d11ea20f5e4b98ffefbe78fd1a2a09</ETag></Part></CompleteMultipartUpload>";
    let wrong = second
        .ask("POST", &format!("/bucket/large?uploadId={id}"), &[], list.as_bytes())
        .await;
    assert!(wrong.text.contains("InvalidPart"), "{}", wrong.text);
    let etag = md5("part");
    let list = list.replace("c6d11ea20f5e4b98ffefbe78fd1a2a09", &etag);
    let done = second
        .ask("POST", &format!("/bucket/large?uploadId={id}"), &[], list.as_bytes())
        .await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(second.ask("GET", "/bucket/large", &[], b"").await.text, "part");
}

/// The MD5 of a text in hexadecimal digits.
fn md5(text: &str) -> String {
    use s3s::crypto::{Checksum as _, Md5};
    Md5::checksum(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn writers_of_one_key_leave_one_of_their_objects() {
    let folder = tempfile::tempdir().unwrap();
    let house = Arc::new(House::open(folder.path(), &[]));
    house.ask("PUT", "/bucket", &[], b"").await;
    let writing: Vec<_> = (0..24)
        .map(|number: usize| {
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let text = number.to_string();
                let put = house.ask("PUT", "/bucket/a/k", &[("x-amz-meta-n", &text)], text.as_bytes()).await;
                let gone = house.ask("DELETE", "/bucket/a/other", &[], b"").await;
                (put.status, gone.status)
            })
        })
        .collect();
    for done in writing {
        assert_eq!(done.await.unwrap(), (200, 204));
    }
    let request = http::Request::builder().uri("/bucket/a/k").body(UnsyncBoxBody::new(
        http_body_util::Empty::<Bytes>::new().map_err(|never| match never {}),
    ));
    let answer = house.service.call(request.unwrap(), Caller::default()).await;
    let named = answer.headers()["x-amz-meta-n"].to_str().unwrap().to_owned();
    let pieces: Vec<Bytes> = answer.into_body().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), named.as_bytes());
    assert_eq!(std::fs::read_dir(folder.path().join(".drafts")).unwrap().count(), 0);
}

#[tokio::test]
async fn create_only_is_given_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let house = Arc::new(House::open(folder.path(), &[]));
    house.ask("PUT", "/bucket", &[], b"").await;
    let writing: Vec<_> = (0..16)
        .map(|_| {
            let house = Arc::clone(&house);
            tokio::spawn(async move { house.ask("PUT", "/bucket/k", &[("if-none-match", "*")], b"mine").await.status })
        })
        .collect();
    let mut won = 0;
    for done in writing {
        match done.await.unwrap() {
            200 => won += 1,
            status => assert_eq!(status, 412),
        }
    }
    assert_eq!(won, 1);
}

/// Links are made and taken away while keys are read and written through them: nothing ever comes from, or goes to, the other side.
#[test]
fn a_link_that_comes_and_goes_leads_nowhere() {
    runtime().block_on(async {
        let (state, mapped, outside) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        std::fs::write(outside.path().join("k"), "secret").unwrap();
        let house = House::open(state.path(), &[("mapped", mapped.path())]);
        let (link, stop) = (mapped.path().join("a"), Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let turning = {
            let (link, outside, stop) = (link.clone(), outside.path().to_path_buf(), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let _ = std::fs::remove_dir_all(&link);
                    let _ = std::os::unix::fs::symlink(&outside, &link);
                    let _ = std::fs::remove_file(&link);
                    let _ = std::fs::create_dir(&link);
                }
            })
        };
        for round in 0..300 {
            let got = house.ask("GET", "/mapped/a/k", &[], b"").await;
            assert!(!got.text.contains("secret"), "round {round}");
            let put = house.ask("PUT", "/mapped/a/new", &[], b"new").await;
            assert!(put.status == 200 || put.status >= 400, "{}", put.text);
            house.ask("DELETE", "/mapped/a/k", &[], b"").await;
        }
        stop.store(true, Ordering::Relaxed);
        turning.join().unwrap();
        let left: BTreeMap<_, _> = std::fs::read_dir(outside.path())
            .unwrap()
            .map(|entry| {
                (
                    entry.as_ref().unwrap().file_name(),
                    std::fs::read_to_string(entry.unwrap().path()).unwrap(),
                )
            })
            .collect();
        assert_eq!(left, BTreeMap::from([("k".into(), "secret".to_owned())]));
    });
}

#[tokio::test]
async fn documents_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), &[]);
    house.ask("PUT", "/bucket", &[], b"").await;
    let large = vec![b'x'; bedplate_bucket::limits::XML_BYTES_MAX + 1];
    for (method, target) in [
        ("POST", "/bucket?delete"),
        ("PUT", "/bucket"),
        ("PUT", "/other"),
        ("POST", "/bucket/k?uploadId=x"),
    ] {
        let answer = house.ask(method, target, &[], &large).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text.contains("MaxMessageLengthExceeded"), "{target}: {}", answer.text);
    }
    assert_eq!(house.put("bucket", "k", &large).await.status, 200);
}

struct Elsewhere;

impl Remote for Elsewhere {
    fn get(&self, uri: Uri, _: Option<std::ops::Range<u64>>, _: u64) -> BoxFuture<'static, Result<Bytes, Error>> {
        Box::pin(async move { Ok(Bytes::from(format!("far {uri}"))) })
    }

    fn put(&self, _: Uri, _: Bytes, _: String) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move { Err(Error::new(Kind::Dependency, "far")) })
    }
}

#[tokio::test]
async fn refusals_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), &[]);
    assert_eq!(house.ask("PUT", "/house", &[], b"").await.status, 200);
    let long = format!("/house/{}", "k".repeat(1_025));
    let cases: [(&str, &str, &[u8], &str); 9] = [
        ("PUT", "/No_Name", b"", "InvalidBucketName"),
        ("GET", "/ab", b"", "InvalidBucketName"),
        ("GET", "/missing?list-type=2", b"", "NoSuchBucket"),
        ("GET", "/house/missing%3C%26", b"", "NoSuchKey"),
        ("PUT", &long, b"x", "KeyTooLongError"),
        ("POST", "/house?delete", b"<no", "MalformedXML"),
        ("GET", "/house?acl", b"", "NotImplemented"),
        ("PUT", "/house?versioning", b"", "MissingRequestBodyError"),
        ("PATCH", "/house", b"", "NotImplemented"),
    ];
    for (method, target, body, code) in cases {
        let answer = house.ask(method, target, &[], body).await;
        let one = |name: &str| all(&answer.text, name).join("|");
        assert!(answer.status >= 400, "{target}: {}", answer.text);
        assert_eq!(one("Code"), code, "{target}: {}", answer.text);
        assert!(one("Message").len() > 10, "{target}: {}", answer.text);
        assert_eq!(one("RequestId"), "r", "{target}: {}", answer.text);
        assert_eq!(
            one("Resource"),
            unescape(target.split('?').next().unwrap_or_default()),
            "{}",
            answer.text
        );
        assert!(answer.text.ends_with("</Error>"), "{}", answer.text);
    }
}

#[tokio::test]
async fn one_reader_for_all_objects() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), &[]);
    house.ask("PUT", "/bucket", &[], b"").await;
    let here = Objects::new(house.buckets.clone(), None);
    let uri = Uri::parse("s3://bucket/out/result.json").unwrap();
    here.write(&uri, Bytes::from_static(b"0123456789"), "application/json")
        .await
        .unwrap();
    assert_eq!(here.read(&uri, None, 10).await.unwrap(), "0123456789");
    assert_eq!(here.read(&uri, Some(2..5), 3).await.unwrap(), "234");
    assert_eq!(here.read(&uri, Some(8..50), 10).await.unwrap(), "89");
    assert_eq!(here.read(&uri, None, 9).await.unwrap_err().kind, Kind::Quota);
    let other = Uri::parse("s3://other/k").unwrap();
    let missing = here.read(&other, None, 9).await.unwrap_err();
    assert!(
        missing.kind == Kind::NotFound && missing.message.starts_with("NoSuchBucket"),
        "{missing:?}"
    );
    let missing = here.read(&Uri::parse("s3://bucket/k").unwrap(), None, 9).await.unwrap_err();
    assert!(
        missing.kind == Kind::NotFound && missing.message.starts_with("NoSuchKey"),
        "{missing:?}"
    );
    let both = Objects::new(house.buckets.clone(), Some(Arc::new(Elsewhere)));
    assert_eq!(both.read(&other, None, 90).await.unwrap(), "far s3://other/k");
    assert_eq!(both.read(&uri, Some(0..1), 9).await.unwrap(), "0");
    assert_eq!(both.write(&other, Bytes::new(), "a/b").await.unwrap_err().kind, Kind::Dependency);
}

#[test]
fn wrong_configurations_name_their_field() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("taken-name")).unwrap();
    for (name, path) in [("No Name", "."), ("docs", "missing"), ("taken-name", ".")] {
        let config = BucketConfig {
            folder: path.into(),
            read_only: false,
        };
        let clock = Arc::new(Ticking(AtomicI64::new(0)));
        let opened = Buckets::open(
            folder.path(),
            &BTreeMap::from([(name.to_owned(), config)]),
            folder.path(),
            "r",
            clock,
        );
        let error = opened.expect_err(name);
        assert_eq!(error.fields[0].name, format!("buckets.{name}"), "{}", error.message);
    }
}
