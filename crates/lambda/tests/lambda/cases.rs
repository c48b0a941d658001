//! The runner of the case files.

use std::collections::BTreeMap;
use std::time::Duration;

use bedplate_lambda::{Invocation, Options, Runtime};
use serde::Deserialize;
use serde_json::Value;

use crate::House;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    handler: Option<String>,
    #[serde(default)]
    runtime: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What `create` refuses it with; no invokes then.
    #[serde(default)]
    refused: Option<String>,
    #[serde(default)]
    invoke: Vec<Invoke>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invoke {
    #[serde(default)]
    payload: String,
    #[serde(default)]
    client_context: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    /// The answer, compared as JSON.
    #[serde(default)]
    answer: Option<String>,
    /// The answer, compared as text.
    #[serde(default)]
    text: Option<String>,
    /// Kind of the failure, its type, and a part of its message.
    #[serde(default)]
    fails: Option<[String; 3]>,
    /// A part of the last stack frame.
    #[serde(default)]
    frame: Option<String>,
    /// Why the host does not even call it.
    #[serde(default)]
    impossible: Option<String>,
    /// Lines that the log has among others.
    #[serde(default)]
    logs: Vec<String>,
    /// Whether a process was started for it.
    #[serde(default)]
    cold: Option<bool>,
}

/// Runs one case file.
async fn check(name: &str) {
    let text = std::fs::read_to_string(crate::cases_folder().join(format!("{name}.toml"))).unwrap();
    let case: Case = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
    if name.starts_with("node_") && !crate::has_node() {
        println!("not tested: there is no node here");
        return;
    }
    let house = House::new();
    let mut function = house.function(name, &case.files);
    std::fs::create_dir_all(&function.code).unwrap();
    function.environment = case.environment;
    if let Some(handler) = case.handler {
        function.handler = handler;
    }
    if let Some(ms) = case.timeout_ms {
        function.timeout = Duration::from_millis(ms);
    }
    let runtime = case.runtime.map(|runtime| Runtime::parse(&runtime)).transpose();
    let created = runtime.and_then(|runtime| {
        function.runtime = runtime.unwrap_or(function.runtime);
        house.host.create(function)
    });
    if let Some(why) = case.refused {
        let error = created.expect_err("must be refused");
        assert!(error.message.contains(&why), "{name}: {}", error.message);
        return;
    }
    created.unwrap();
    for (index, invoke) in case.invoke.into_iter().enumerate() {
        let options = Options {
            request_id: invoke.request_id.clone(),
            client_context: invoke.client_context.clone(),
            timeout: invoke.timeout_ms.map(Duration::from_millis),
            ..Options::default()
        };
        let got = house.host.invoke(name, invoke.payload.clone().into(), options).await;
        compare(&format!("{name}, invoke {}", index + 1), &invoke, got);
    }
}

fn compare(at: &str, wanted: &Invoke, got: bedplate_base::Result<Invocation>) {
    let got = match (&wanted.impossible, got) {
        (None, got) => got.unwrap_or_else(|error| panic!("{at}: {error}")),
        (Some(why), Err(error)) if error.message.contains(why) => return,
        (Some(why), got) => panic!("{at}: wanted `{why}`, got {got:?}"),
    };
    let body = || {
        got.result
            .as_ref()
            .unwrap_or_else(|error| panic!("{at}: {error:?}\n{}", got.logs.text()))
    };
    if let Some(answer) = &wanted.answer {
        let body = body();
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{at}: {error}: {body:?}"));
        assert_eq!(body, serde_json::from_str::<Value>(answer).unwrap(), "{at}");
    }
    if let Some(text) = &wanted.text {
        assert_eq!(String::from_utf8_lossy(body()), *text, "{at}");
    }
    match (&wanted.fails, &got.result) {
        (None, result) => assert!(result.is_ok(), "{at}: {result:?}"),
        (Some(_), Ok(body)) => panic!("{at}: must fail, but answered {body:?}"),
        (Some([kind, error_type, message]), Err(error)) => {
            assert_eq!(
                (error.kind.as_str(), &error.error_type),
                (kind.as_str(), error_type),
                "{at}: {error:?}"
            );
            assert!(error.message.contains(message), "{at}: {}", error.message);
            let document: Value = serde_json::from_slice(&error.payload).unwrap();
            assert_eq!(document["errorMessage"], error.message.as_str(), "{at}: the payload says the same");
            if let Some(frame) = &wanted.frame {
                assert!(
                    error.stack.last().is_some_and(|last| last.contains(frame)),
                    "{at}: {:?}",
                    error.stack
                );
            }
        }
    }
    let text = got.logs.text();
    for line in &wanted.logs {
        assert!(text.contains(line), "{at}: no `{line}` in the log:\n{text}");
    }
    if let Some(cold) = wanted.cold {
        assert_eq!(got.init_ms.is_some(), cold, "{at}: {:?}", got.init_ms);
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[tokio::test] async fn $name() { check(stringify!($name)).await; })*

        #[test]
        fn every_case_file_runs() {
            let mut files: Vec<String> = std::fs::read_dir(crate::cases_folder()).unwrap().map(|entry| {
                entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()
            }).collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

cases! {
    bad_handler_name
    context
    crash
    custom_limits
    custom_runtime
    custom_runtime_exits
    custom_runtime_missing
    echo
    environment
    exception
    exit_at_import
    flood
    init_exception
    json_types
    limits
    logging
    missing_handler
    missing_module
    nested_module
    node_commonjs
    node_limits
    node_missing_file
    node_missing_handler
    node_missing_module
    node_mjs
    node_module
    node_streaming
    node_syntax_error
    reserved_variable
    syntax_error
    time_out
    too_large
    unknown_runtime
    unmarshal
}
