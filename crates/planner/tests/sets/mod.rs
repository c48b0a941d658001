//! Sets of conversations: tools with what users say to them and the calls that are right; read by the tests and by the fitting of the weights.

#![allow(dead_code, reason = "each of its users needs a part")]
#![allow(clippy::unwrap_used, reason = "a malformed file shall stop the test")]

use std::path::{Path, PathBuf};

use bedplate_converse::Tool;
use jiff::civil::{DateTime, date};
use serde_json::{Map, Value, json};

/// One file: tools, how to rename them, conversations.
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) instruction: String,
    pub(crate) tools: Vec<Tool>,
    pub(crate) synonyms: Map<String, Value>,
    pub(crate) words: Map<String, Value>,
    pub(crate) cases: Vec<Value>,
    /// The wall clock of its conversations.
    pub(crate) now: DateTime,
}

/// The files of a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Tools are named `<group>__<function>`; the cases use the second part.
pub(crate) fn function(tool: &str) -> &str {
    tool.split_once("__").map_or(tool, |(_, function)| function)
}

/// `{"any": […]}` is met by each of its values, `{"contains": […]}` by a text with all of these; case and outer blanks do not count.
pub(crate) fn equal(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::Object(form), _) => match (form.get("any"), form.get("contains"), given) {
            (Some(Value::Array(values)), ..) => values.iter().any(|value| equal(value, given)),
            (_, Some(Value::Array(parts)), Value::String(text)) => parts
                .iter()
                .all(|part| text.to_lowercase().contains(&part.as_str().unwrap().to_lowercase())),
            _ => false,
        },
        (Value::String(a), Value::String(b)) => a.trim().to_lowercase() == b.trim().to_lowercase(),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        _ => wanted == given,
    }
}

/// Reads one file.
pub(crate) fn read(file: &Path) -> Set {
    let whole: Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tool = |value: &Value| Tool {
        name: text(&value["name"]),
        description: text(&value["description"]),
        schema: value["schema"].clone(),
        ..Tool::default()
    };
    Set {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        instruction: text(&whole["instruction"]),
        tools: whole["tools"].as_array().unwrap().iter().map(tool).collect(),
        synonyms: whole["synonyms"].as_object().unwrap().clone(),
        words: whole["words"].as_object().unwrap().clone(),
        cases: whole["cases"].as_array().unwrap().clone(),
        now: now(),
    }
}

/// The same set as another developer might have named it: what the user says stays.
pub(crate) fn rename(set: &Set) -> Set {
    let name = |old: &str| set.synonyms[old].as_str().unwrap().to_owned();
    let keys = |object: &Map<String, Value>| object.iter().map(|(key, value)| (name(key), value.clone())).collect::<Map<_, _>>();
    let mut tools = set.tools.clone();
    for tool in &mut tools {
        tool.name = tool.name.replace(function(&tool.name), &name(function(&tool.name)));
        tool.description = reword(&tool.description, &set.words);
        let mut properties = keys(tool.schema["properties"].as_object().unwrap());
        for property in properties.values_mut() {
            if let Some(description) = property.get("description").and_then(Value::as_str) {
                property["description"] = reword(description, &set.words).into();
            }
        }
        tool.schema["properties"] = properties.into();
        if let Some(required) = tool.schema.get_mut("required").and_then(Value::as_array_mut) {
            required
                .iter_mut()
                .for_each(|required| *required = name(required.as_str().unwrap()).into());
        }
    }
    let mut cases = set.cases.clone();
    for turn in cases.iter_mut().flat_map(|case| case["turns"].as_array_mut().unwrap()) {
        for call in turn["expect"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .flat_map(|step| step.as_array_mut().unwrap())
        {
            call["tool"] = name(call["tool"].as_str().unwrap()).into();
            for part in ["input", "optional"] {
                if let Some(object) = call[part].as_object() {
                    call[part] = keys(object).into();
                }
            }
        }
        let Some(results) = turn.get("results").and_then(Value::as_object) else {
            continue;
        };
        turn["results"] = results
            .iter()
            .map(|(tool, result)| (name(tool), rename_result(result, set)))
            .collect::<Map<_, _>>()
            .into();
    }
    Set {
        name: set.name.clone(),
        instruction: set.instruction.clone(),
        tools,
        synonyms: set.synonyms.clone(),
        words: set.words.clone(),
        cases,
        now: set.now,
    }
}

/// Results that are JSON name their members as the tools name their parameters.
fn rename_result(result: &Value, set: &Set) -> Value {
    match result {
        Value::Array(results) => results.iter().map(|result| rename_result(result, set)).collect(),
        Value::String(text) => {
            let rename = |text: String, (old, new): (&String, &Value)| text.replace(&format!("\"{old}\":"), &format!("{new}:"));
            set.synonyms.iter().fold(text.clone(), rename).into()
        }
        other => other.clone(),
    }
}

/// Replaces whole words, the longest first, each once.
fn reword(text: &str, words: &Map<String, Value>) -> String {
    let mut olds: Vec<&String> = words.keys().collect();
    olds.sort_by_key(|old| (std::cmp::Reverse(old.len()), *old));
    let inside = |c: char| c.is_alphanumeric() || c == '\'';
    let (mut out, mut at) = (String::new(), 0);
    'next: while at < text.len() {
        let rest = &text[at..];
        if !out.chars().next_back().is_some_and(inside) {
            for old in &olds {
                let hit = rest.get(..old.len()).is_some_and(|start| start.eq_ignore_ascii_case(old));
                if hit && !rest[old.len()..].starts_with(inside) {
                    let new = words[*old].as_str().unwrap();
                    let upper = rest.starts_with(char::is_uppercase);
                    let mut letters = new.chars();
                    let first = letters
                        .next()
                        .map(|c| if upper { c.to_uppercase().to_string() } else { c.to_string() });
                    out.push_str(&first.unwrap_or_default());
                    out.push_str(letters.as_str());
                    at += old.len();
                    continue 'next;
                }
            }
        }
        let c = rest.chars().next().unwrap();
        out.push(c);
        at += c.len_utf8();
    }
    out
}

/// Saturday, 21 November 2026, ten o'clock.
pub(crate) fn now() -> DateTime {
    date(2026, 11, 21).at(10, 0, 0, 0)
}

/// A tool of `tests/cases`: parameters are schemas, or `type!: description` with `!` for required.
pub(crate) fn tool(value: &Value) -> Tool {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, spec) in value["params"].as_object().into_iter().flatten() {
        // "type!: description" with `!` for required, or a schema
        let schema = match spec {
            Value::String(text) => {
                let (kind, description) = text.split_once(':').unwrap_or((text, ""));
                if kind.ends_with('!') {
                    required.push(json!(name));
                }
                json!({"type": kind.trim_end_matches('!').trim(), "description": description.trim()})
            }
            other => {
                if other["required"] == true {
                    required.push(json!(name));
                }
                let mut other = other.clone();
                other.as_object_mut().expect("a schema").remove("required");
                other
            }
        };
        properties.insert(name.clone(), schema);
    }
    Tool {
        name: value["name"].as_str().expect("a name").to_owned(),
        description: value["description"].as_str().unwrap_or_default().to_owned(),
        schema: json!({"type": "object", "properties": properties, "required": required}),
        ..Tool::default()
    }
}

/// A file of `tests/cases` as a set; calls one after the other are taken for steps.
pub(crate) fn read_cases(file: &Path) -> Set {
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let call = |call: &Value| {
        let (mut input, mut optional) = (Map::new(), Map::new());
        for (name, value) in call[1].as_object().into_iter().flatten() {
            match name.strip_suffix('?') {
                Some(name) => optional.insert(name.to_owned(), value.clone()),
                None => input.insert(name.clone(), value.clone()),
            };
        }
        json!([{"tool": function(call[0].as_str().unwrap()), "input": input, "optional": optional}])
    };
    let turn = |turn: &Value| {
        let steps: Vec<Value> = turn["calls"].as_array().into_iter().flatten().map(call).collect();
        json!({"user": turn["say"], "expect": steps})
    };
    let turns = |case: &Value| match case["turns"].as_array() {
        Some(turns) => turns.iter().map(turn).collect(),
        None => vec![turn(case)],
    };
    Set {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        instruction: whole["system"].as_str().unwrap_or_default().to_owned(),
        tools: whole["tools"].as_array().unwrap().iter().map(tool).collect(),
        synonyms: Map::new(),
        words: Map::new(),
        cases: whole["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| json!({"turns": turns(case)}))
            .collect(),
        now: whole["now"].as_str().map_or_else(now, |now| now.parse().unwrap()),
    }
}
