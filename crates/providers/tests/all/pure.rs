//! What needs no network: routes, configuration, the reader of server-sent events, scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bedplate_journal::Part;
use bedplate_providers::script::Script;
use bedplate_providers::sse::{EventReader, LINE_BYTES_MAX, Overlong};
use bedplate_providers::{Mode, ModelsConfig, ProviderConfig, RouteConfig, Routes};
use serde::Deserialize;

use crate::cases;
use crate::wire::{Asks, part_text};

/// The models' part of a `bedplate.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Toml {
    providers: BTreeMap<String, ProviderConfig>,
    route: Vec<RouteConfig>,
    script: Option<std::path::PathBuf>,
}

pub(crate) fn config(text: &str) -> Result<ModelsConfig, String> {
    let toml: Toml = toml::from_str(text).map_err(|error| error.to_string())?;
    Ok(ModelsConfig {
        providers: toml.providers,
        routes: toml.route,
        script: toml.script,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteCase {
    name: String,
    #[serde(default)]
    toml: String,
    #[serde(default)]
    serve: bool,
    /// Model id to `provider/model`, `fallback` or words of the refusal after `unrouted: `.
    #[serde(default)]
    models: BTreeMap<String, String>,
    /// Words of the error of the configuration.
    #[serde(default)]
    error: Vec<String>,
}

#[test]
fn routes() {
    let known = BTreeSet::from(["builtin", "ollama", "openai", "mine"]);
    for case in cases::<RouteCase>("routes.yaml") {
        let name = &case.name;
        let mode = if case.serve { Mode::Serve } else { Mode::Dev };
        let compiled = config(&case.toml).and_then(|config| Routes::compile(&config, mode, &known).map_err(|error| error.message));
        let routes = match compiled {
            Ok(routes) => routes,
            Err(error) => {
                assert!(!case.error.is_empty(), "{name}: {error}");
                for words in &case.error {
                    assert!(error.contains(words), "{name}: {words:?} is not in {error:?}");
                }
                continue;
            }
        };
        assert!(case.error.is_empty(), "{name}: no error");
        for (model, expected) in &case.models {
            match (routes.find(model), expected.strip_prefix("unrouted: ")) {
                (Ok(route), None) if route.fallback => assert_eq!(
                    (expected.as_str(), route.model.as_str()),
                    ("fallback", "planner"),
                    "{name}: {model}"
                ),
                (Ok(route), None) => assert_eq!(&format!("{}/{}", route.provider, route.model), expected, "{name}: {model}"),
                (Err(unrouted), Some(words)) => assert!(unrouted.message.contains(words), "{name}: {model}: {}", unrouted.message),
                (found, _) => panic!("{name}: {model}: {found:?}"),
            }
        }
    }
}

/// The advice can be pasted.
#[test]
fn advice_is_a_configuration() {
    let routes = Routes::compile(&ModelsConfig::default(), Mode::Serve, &BTreeSet::new()).unwrap();
    let message = routes.find("us.anthropic.claude-3-\"5\"").unwrap_err().message;
    let lines = message.split_once(":\n").unwrap().1;
    let pasted = Routes::compile(&config(lines).unwrap(), Mode::Serve, &BTreeSet::from(["ollama"])).unwrap();
    assert_eq!(pasted.find("us.anthropic.claude-3-\"5\"").unwrap().provider, "ollama");
}

/// However a stream is cut, the same events come out.
#[test]
fn events_do_not_depend_on_the_cut() {
    let stream =
        "\u{feff}: hi\ndata: eins\n\ndata:zwei\r\ndata\r\ndata:  drei ü🎾\r\n\r\nevent: x\rdata: vier\r\rdatax: no\n\n\n\nid\ndata: letzte"
            .as_bytes();
    let expected = ["eins", "zwei\n\n drei ü🎾", "vier", "letzte"];
    let read = |pieces: &[&[u8]]| {
        let mut reader = EventReader::new(10_000);
        let mut events = Vec::new();
        pieces.iter().for_each(|piece| reader.push(piece, &mut events).unwrap());
        events.extend(reader.finish());
        events
    };
    assert_eq!(read(&[stream]), expected);
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(read(&bytes), expected);
    for first in 0..stream.len() {
        for second in first..stream.len() {
            assert_eq!(
                read(&[&stream[..first], &stream[first..second], &stream[second..]]),
                expected,
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn events_have_limits() {
    let long = vec![b'x'; LINE_BYTES_MAX + 1];
    let mut events = Vec::new();
    assert_eq!(EventReader::new(usize::MAX).push(&long, &mut events), Err(Overlong::Line));
    assert_eq!(EventReader::new(10).push(b"data: 12345", &mut events), Err(Overlong::Reply));
    let mut reader = EventReader::new(usize::MAX);
    let line = [b"data: ".as_slice(), &vec![b'x'; LINE_BYTES_MAX / 2], b"\n"].concat();
    reader.push(&line, &mut events).unwrap();
    assert_eq!(reader.push(&line, &mut events), Err(Overlong::Line));
    assert!(events.is_empty());
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptCase {
    name: String,
    script: String,
    #[serde(default)]
    json: bool,
    /// Words of the error of the script.
    #[serde(default)]
    wrong: Vec<String>,
    #[serde(default)]
    calls: Vec<ScriptCall>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptCall {
    request: Asks,
    /// The blocks, the stop reason behind them.
    #[serde(default)]
    content: Option<serde_json::Value>,
    #[serde(default)]
    stop: Option<String>,
    #[serde(default)]
    parts: Option<Vec<String>>,
    /// Name and cause.
    #[serde(default)]
    failure: Option<String>,
}

#[test]
fn scripts() {
    for case in cases::<ScriptCase>("scripts.yaml") {
        let name = &case.name;
        let script = match Script::parse(&case.script, case.json) {
            Ok(script) => script,
            Err(why) => {
                assert!(!case.wrong.is_empty(), "{name}: {why}");
                case.wrong
                    .iter()
                    .for_each(|words| assert!(why.contains(words), "{name}: {words:?} is not in {why:?}"));
                continue;
            }
        };
        assert!(case.wrong.is_empty(), "{name}: accepted");
        for (index, call) in case.calls.into_iter().enumerate() {
            let parts = Mutex::new(Vec::new());
            let mut report = |part: Part| parts.lock().unwrap().push(part_text(&part));
            match (script.answer(&call.request.request(), &mut report), call.content, call.failure) {
                (Ok(reply), Some(content), None) => {
                    assert_eq!(reply.message.to_json()["content"], content, "{name}: call {index}");
                    assert_eq!(Some(reply.stop.as_str()), call.stop.as_deref(), "{name}: call {index}");
                    assert_eq!(reply.model, "builtin/script");
                }
                (Err(failure), None, Some(expected)) => assert!(failure.to_string().contains(&expected), "{name}: call {index}: {failure}"),
                (result, ..) => panic!("{name}: call {index}: {result:?}"),
            }
            if let Some(expected) = call.parts {
                assert_eq!(*parts.lock().unwrap(), expected, "{name}: call {index}");
            }
        }
    }
}
