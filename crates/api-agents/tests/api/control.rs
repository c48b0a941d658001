//! The control plane as files of requests and what must come of them.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::house::{House, Without};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// AWS's limits and refusals exactly.
    #[serde(default)]
    strict: bool,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Method and path; names in braces stand for what was kept.
    r#do: String,
    #[serde(default)]
    send: Value,
    status: u16,
    error: Option<String>,
    #[serde(default)]
    answer: Value,
    /// Name → where it stands in the answer.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

/// Puts what was kept in the place of names in braces.
fn filled(value: &Value, kept: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => text_filled(text, kept).into(),
        Value::Array(items) => items.iter().map(|item| filled(item, kept)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled(value, kept)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn text_filled(text: &str, kept: &BTreeMap<String, String>) -> String {
    kept.iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// Whether `got` has what is wanted: members of objects (`null`: absent), all items of lists, `"*"` for anything, `"…x…"` for
/// a part of a text.
pub(crate) fn holds(at: &str, wanted: &Value, got: &Value) {
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
            for (index, (wanted, is)) in wanted.iter().zip(items).enumerate() {
                holds(&format!("{at}: {index}"), wanted, is);
            }
        }
        (Value::String(text), _) if text == "*" => {}
        (Value::String(text), Value::String(is)) if text.starts_with('…') => {
            assert!(is.contains(text.trim_matches('…')), "{at}: {is}");
        }
        _ => assert_eq!(wanted, got, "{at}"),
    }
}

async fn check(name: &str) {
    play(name, None).await;
}

/// Plays a file; `without` is taken out of its requests.
pub(crate) async fn play(name: &str, without: Option<Without>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/control/{name}.yaml"));
    let case: Case = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut house = House::new(case.strict);
    house.without = without;
    let mut kept = BTreeMap::new();
    for (index, step) in case.steps.iter().enumerate() {
        let action = text_filled(&step.r#do, &kept);
        let at = format!("{name}, step {}, {action}", index + 1);
        let (method, target) = action.split_once(' ').unwrap();
        let body = match filled(&step.send, &kept) {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let told = house.told(method, target, body).await;
        assert_eq!((told.status, &told.error), (step.status, &step.error), "{at}: {}", told.body);
        if !step.answer.is_null() {
            holds(&at, &filled(&step.answer, &kept), &told.body);
        }
        for (name, pointer) in &step.keep {
            let found = told.body.pointer(pointer).and_then(Value::as_str);
            kept.insert(name.clone(), found.unwrap_or_else(|| panic!("{at}: no {pointer}")).to_owned());
        }
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            check(stringify!($name)).await;
        })*

        #[test]
        fn every_file_is_played() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/control");
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            let names: Vec<_> = files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

cases! { action_groups agents aliases aliases_strict not_built pages prepare refusals tags turns versions }
