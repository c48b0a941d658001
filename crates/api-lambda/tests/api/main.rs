//! The API as clients see it: files of requests and answers, over the real routes, a memory store and real processes.

#![allow(clippy::unwrap_used)] // a test that fails has failed

use std::collections::BTreeMap;
use std::future::Future as _;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_api_lambda::{NamedCode, NamedFunction, State, apply, map};
use bedplate_base::{BoxFuture, Clock, Place, Timestamp};
use bedplate_catalog::Catalog;
use bedplate_lambda::{Config, FunctionConfig, Host};
use bedplate_store::MemoryStore;
use bedplate_testkit::VirtualClock;
use bedplate_wire::{Body, Context, Request, Response, Router};
use bytes::Bytes;
use serde_json::{Value, json};

/// The machine's clock.
struct Machine;

#[allow(clippy::disallowed_methods)] // this is the edge
impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_nanos()).unwrap())
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(due.since(self.now())))
    }
}

/// A server without a port.
struct House {
    folder: tempfile::TempDir,
    store: Arc<MemoryStore>,
    router: Router,
    state: State,
    clock: Arc<VirtualClock>,
}

impl House {
    fn new() -> Self {
        let (folder, store) = (tempfile::tempdir().unwrap(), Arc::new(MemoryStore::new()));
        let clock = Arc::new(VirtualClock::new());
        let state = state(folder.path(), &store, &clock);
        Self {
            folder,
            store,
            router: Router::new(&[&bedplate_wire_lambda::SERVICE]),
            state,
            clock,
        }
    }

    async fn send(&self, method: &str, target: &str, headers: &Value, body: Bytes) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request {
            method: method.parse().unwrap(),
            path: path.into(),
            query: query.into(),
            headers: http::HeaderMap::new(),
            body,
            context: Context {
                request_id: bedplate_base::random_uuid(),
                ..Context::default()
            },
        };
        for (name, value) in headers.as_object().into_iter().flatten() {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers.insert(name, value.as_str().unwrap().parse().unwrap());
        }
        let routed = self.router.route_request(&request, Some("lambda")).unwrap();
        bedplate_api_lambda::dispatch(&self.state, routed, request).await
    }
}

/// Processes run in real time, everything else by the clock of the test.
fn state(folder: &Path, store: &Arc<MemoryStore>, clock: &Arc<VirtualClock>) -> State {
    #[allow(clippy::disallowed_methods)] // this is the edge
    let path = std::env::var_os("PATH").unwrap();
    let host = Host::new(Config {
        folder: folder.join("functions"),
        clock: Arc::new(Machine),
        path,
    });
    State::new(Catalog::new(Arc::clone(store) as _), host, Arc::clone(clock) as _)
}

/// Runs one case file: a list of requests with what must come of them, `"restart"`, and `{"advance": seconds}` of the clock.
/// A request with `eventually` is sent until its answer is the wanted one.
async fn check(name: &str) -> House {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/{name}.json"));
    let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut house = House::new();
    for (index, step) in steps.iter().enumerate() {
        let at = format!("{name}, step {}", index + 1);
        if step == "restart" {
            house.state = state(house.folder.path(), &house.store, &house.clock);
            house.state.restore().await.unwrap();
            continue;
        }
        if let Some(seconds) = step["advance"].as_u64() {
            asleep(&house.clock, &at).await;
            house.clock.advance(Duration::from_secs(seconds));
            continue;
        }
        let known = [
            "eventually",
            "do",
            "headers",
            "send",
            "status",
            "answer_headers",
            "error",
            "answer",
            "log",
        ];
        assert!(
            step.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())),
            "{at}: {step}"
        );
        let (method, target) = step["do"].as_str().unwrap().split_once(' ').unwrap();
        let body = match &step["send"] {
            Value::Null => Bytes::new(),
            Value::String(text) => text.clone().into(),
            body => zipped(body).to_string().into(),
        };
        if step["eventually"] == true {
            for _ in 0..2_000 {
                let response = house.send(method, target, &step["headers"], body.clone()).await;
                let Body::Full(bytes) = response.body else {
                    panic!("{at}: streams")
                };
                if serde_json::from_slice::<Value>(&bytes).unwrap() == step["answer"] {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let response = house.send(method, target, &step["headers"], body).await;
        compare(&at, step, response);
    }
    house
}

/// Waits until what retries sleeps: then its function has been called.
async fn asleep(clock: &VirtualClock, at: &str) {
    for _ in 0..2_000 {
        if clock.sleepers() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{at}: nobody waits for the clock");
}

/// Puts Base64 of a zip in the place of `{"zip": {name: content}}`.
fn zipped(value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.get("zip") {
            Some(Value::Object(files)) => {
                let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
                for (name, content) in files {
                    zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
                    zip.write_all(content.as_str().unwrap().as_bytes()).unwrap();
                }
                STANDARD.encode(zip.finish().unwrap().into_inner()).into()
            }
            _ => members
                .iter()
                .map(|(name, value)| (name.clone(), zipped(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        },
        other => other.clone(),
    }
}

fn compare(at: &str, wanted: &Value, response: Response) {
    let Body::Full(bytes) = &response.body else {
        panic!("{at}: streams")
    };
    let text = String::from_utf8_lossy(bytes);
    let headers: BTreeMap<String, String> = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    assert_eq!(Some(u64::from(response.status)), wanted["status"].as_u64(), "{at}: {text}");
    assert_eq!(
        headers.get("x-amzn-errortype").map(String::as_str),
        wanted["error"].as_str(),
        "{at}: {text}"
    );
    if let Some(answer) = wanted.get("answer") {
        let got = if bytes.is_empty() {
            json!("")
        } else {
            serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{at}: {error}: {text}"))
        };
        holds(at, answer, &got);
    }
    let got = headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<serde_json::Map<_, _>>();
    holds(at, wanted.get("answer_headers").unwrap_or(&json!({})), &got.into());
    if let Some(log) = wanted["log"].as_array() {
        let text = String::from_utf8(STANDARD.decode(&headers["x-amz-log-result"]).unwrap()).unwrap();
        assert!(text.len() <= 4096, "{at}: {} bytes of log", text.len());
        for part in log {
            assert!(text.contains(part.as_str().unwrap()), "{at}: no {part} in {text}");
        }
    }
}

/// Whether `got` has what is wanted: members of objects (`null`: absent), `"*"` for anything, `"…x…"` for a part of a text.
fn holds(at: &str, wanted: &Value, got: &Value) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(members)) => {
            for (name, value) in wanted {
                match (value, members.get(name)) {
                    (Value::Null, is) => assert_eq!(is, None, "{at}: {name} must be absent"),
                    (value, Some(is)) => holds(&format!("{at}: {name}"), value, is),
                    (_, None) => panic!("{at}: {name} is missing in {got}"),
                }
            }
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            wanted.iter().zip(items).for_each(|(wanted, is)| holds(at, wanted, is));
        }
        (Value::String(text), _) if text == "*" => {}
        (Value::String(text), Value::String(is)) if text.starts_with('…') => {
            assert!(is.contains(text.trim_matches('…')), "{at}: {is}");
        }
        _ => assert_eq!(wanted, got, "{at}"),
    }
}

#[tokio::test]
async fn life_cycle() {
    check("life_cycle").await;
}

#[tokio::test]
async fn invokes() {
    check("invokes").await;
}

#[tokio::test]
async fn events() {
    check("events").await;
}

#[tokio::test]
async fn event_configurations() {
    let house = check("event_config").await;
    let letters = std::fs::read_to_string(house.folder.path().join("functions/dead-letters/f.jsonl")).unwrap();
    let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |letter: &Value| {
        (
            letter["requestContext"]["condition"].clone(),
            letter["requestContext"]["approximateInvokeCount"].clone(),
        )
    };
    let seen: Vec<_> = letters.iter().map(of).collect();
    let wanted = [("RetriesExhausted", 1), ("EventAgeExceeded", 1), ("RetriesExhausted", 1)];
    assert_eq!(seen, wanted.map(|(condition, count)| (json!(condition), json!(count))));
    assert_eq!(letters[0]["requestPayload"], json!({"n": 1, "fail": true}));
    assert_eq!(letters[0]["responsePayload"]["errorType"], "ValueError");
    assert_eq!(
        letters[0]["requestContext"]["functionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    );
}

#[tokio::test]
async fn an_end_that_cannot_be_written_is_written_later() {
    let house = House::new();
    let send = async |method: &str, target: &str, headers: Value, body: Value| {
        let response = house.send(method, target, &headers, zipped(&body).to_string().into()).await;
        assert!(response.status < 300, "{target}: {}", response.status);
    };
    let code = "def handler(event, context):\n    raise ValueError('no')\n";
    let function = json!({"FunctionName": "f", "Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/f",
        "Handler": "app.handler", "Timeout": 30, "Code": {"ZipFile": {"zip": {"app.py": code}}}});
    send("POST", "/2015-03-31/functions", json!({}), function).await;
    let config = "/2019-09-25/functions/f/event-invoke-config";
    send("PUT", config, json!({}), json!({"MaximumRetryAttempts": 0})).await;
    let letters = house.folder.path().join("functions/dead-letters");
    std::fs::write(&letters, "in the way").unwrap();
    let event = json!({"x-amz-invocation-type": "Event"});
    send("POST", "/2015-03-31/functions/f/invocations", event, json!({"n": 1})).await;
    asleep(&house.clock, "the event").await;
    std::fs::remove_file(&letters).unwrap();
    house.clock.advance(Duration::from_secs(1));
    for _ in 0..2_000 {
        if let Ok(text) = std::fs::read_to_string(letters.join("f.jsonl")) {
            let letter: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(letter["requestContext"]["approximateInvokeCount"], 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the event is lost");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_keep_its_function() {
    let house = House::new();
    let send =
        async |method: &str, target: &str, body: Value| house.send(method, target, &json!({}), zipped(&body).to_string().into()).await;
    let code = "def handler(event, context):\n    while event.get('long'):\n        pass\n    return 'x' * 100000\n";
    let function = json!({"FunctionName": "f", "Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/f",
        "Handler": "app.handler", "Timeout": 1, "Code": {"ZipFile": {"zip": {"app.py": code}}}});
    assert_eq!(send("POST", "/2015-03-31/functions", function).await.status, 201);
    let reserved = json!({"ReservedConcurrentExecutions": 1});
    assert_eq!(send("PUT", "/2017-10-31/functions/f/concurrency", reserved).await.status, 200);
    let streams = "/2021-11-15/functions/f/response-streaming-invocations";
    let mut unread = Box::pin(send("POST", streams, json!({"long": true})));
    // It has begun; then nobody asks for what comes of it.
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(unread.as_mut().poll(context).is_ready())).await;
    assert!(!begun);
    for _ in 0..2_000 {
        if send("POST", "/2015-03-31/functions/f/invocations", json!({})).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the function runs on beyond its time");
}

#[tokio::test]
async fn layers() {
    check("layers").await;
}

#[tokio::test]
async fn versions() {
    check("versions").await;
}

#[tokio::test]
async fn concurrency() {
    check("concurrency").await;
}

#[tokio::test]
async fn packages_that_nothing_names_are_deleted() {
    let house = House::new();
    let send = async |method: &str, target: &str, body: Value| {
        let response = house
            .send(
                method,
                &format!("/2015-03-31/functions{target}"),
                &json!({}),
                zipped(&body).to_string().into(),
            )
            .await;
        assert!(response.status < 300, "{target}: {}", response.status);
    };
    let packages = || {
        let entries = std::fs::read_dir(house.folder.path().join("functions")).unwrap();
        entries.filter(|entry| entry.as_ref().unwrap().file_name().len() == 64).count()
    };
    let zip = |word: &str| json!({"zip": {"app.py": format!("def handler(event, context):\n    return '{word}'\n")}});
    let create = |name: &str, word: &str| {
        let role = "arn:aws:iam::000000000000:role/f";
        json!({"FunctionName": name, "Runtime": "python3.12", "Role": role, "Handler": "app.handler", "Code": {"ZipFile": zip(word)}})
    };
    send("POST", "", create("a", "one")).await;
    send("POST", "", create("b", "one")).await;
    assert_eq!(packages(), 1, "equal packages are one");
    send("PUT", "/a/code", json!({"ZipFile": zip("two")})).await;
    assert_eq!(packages(), 2, "b has the first");
    send("POST", "/b/versions", json!({})).await;
    send("PUT", "/b/code", json!({"ZipFile": zip("two")})).await;
    assert_eq!(packages(), 2, "b's version has the first");
    send("DELETE", "/b?Qualifier=1", json!({})).await;
    assert_eq!(packages(), 1);
    send("DELETE", "/a", json!({})).await;
    send("DELETE", "/b", json!({})).await;
    assert_eq!(packages(), 0);
}

#[tokio::test]
async fn functions_of_the_configuration() {
    let house = House::new();
    std::fs::create_dir(house.folder.path().join("src")).unwrap();
    std::fs::write(
        house.folder.path().join("src/app.py"),
        "def lambda_handler(event, context):\n    return 'local'\n",
    )
    .unwrap();
    let read = |text: &str| toml::from_str::<BTreeMap<String, FunctionConfig>>(text).unwrap();
    let given = read("[near]\ncode = 'src'\n[far]\nurl = 'http://127.0.0.1:9/x'\n");
    map(&house.state, &Place::default(), house.folder.path(), &given, &|_| None)
        .await
        .unwrap();
    let invoke = async |name: &str| {
        house
            .send(
                "POST",
                &format!("/2015-03-31/functions/{name}/invocations"),
                &json!({}),
                Bytes::new(),
            )
            .await
    };
    assert_eq!(invoke("near").await.status, 200);
    let far = invoke("far").await;
    let Body::Full(body) = far.body else { panic!("streams") };
    assert_eq!(far.status, 503, "mapped, but nobody is there");
    assert!(
        String::from_utf8_lossy(&body).contains("http://127.0.0.1:9/x cannot be reached"),
        "{body:?}"
    );

    let wrong = read("[near]\ncode = 'nowhere'\n");
    let error = map(&house.state, &Place::default(), house.folder.path(), &wrong, &|_| None)
        .await
        .unwrap_err();
    assert_eq!(error.fields[0].name, "functions.near");
    assert!(error.message.contains("existing folder"), "{error}");
}

#[tokio::test]
async fn refusals() {
    check("refusals").await;
}

#[tokio::test]
async fn permissions_and_tags() {
    check("permissions_and_tags").await;
}

#[tokio::test]
async fn functions_in_folders() {
    let house = House::new();
    let code = house.folder.path().join("src");
    std::fs::create_dir(&code).unwrap();
    std::fs::write(code.join("app.py"), "def handler(event, context):\n    return 1\n").unwrap();
    let given = NamedFunction {
        name: "book".into(),
        runtime: "python3.12".into(),
        handler: "app.handler".into(),
        code: NamedCode::Folder(code.clone()),
        layers: Vec::new(),
        environment: BTreeMap::new(),
        timeout_s: 30,
        memory_mb: 128,
        description: None,
        tags: BTreeMap::new(),
    };
    let arn = apply(&house.state, &Place::default(), given.clone()).await.unwrap();
    assert_eq!(arn.as_str(), "arn:aws:lambda:us-east-1:000000000000:function:book");
    let invoke = async || {
        let Body::Full(body) = house
            .send("POST", "/2015-03-31/functions/book/invocations", &json!({}), Bytes::new())
            .await
            .body
        else {
            panic!("streams")
        };
        body
    };
    assert_eq!(invoke().await, "1");
    let sha = async || {
        let Body::Full(body) = house
            .send("GET", "/2015-03-31/functions/book/configuration", &json!({}), Bytes::new())
            .await
            .body
        else {
            panic!("streams")
        };
        serde_json::from_slice::<Value>(&body).unwrap()["CodeSha256"].clone()
    };
    let before = sha().await;
    std::fs::write(code.join("app.py"), "def handler(event, context):\n    return 'changed'\n").unwrap();
    apply(&house.state, &Place::default(), given.clone()).await.unwrap();
    assert_eq!(invoke().await, "\"changed\"");
    assert_ne!(sha().await, before);

    let gone = NamedFunction {
        code: NamedCode::Folder(house.folder.path().join("nowhere")),
        ..given
    };
    let error = apply(&house.state, &Place::default(), gone).await.unwrap_err();
    assert!(error.message.contains("existing folder"), "{error}");
}
