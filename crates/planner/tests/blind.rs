//! How well the planner does on what it was never tuned on: ten sets of tools and two hundred conversations, written from the schemas alone.
//!
//! Every set runs twice: as written, and with the names of tools and parameters (and the words of descriptions that repeat them) replaced by
//! synonyms, so that a planner that only compares words with names is found out. `BEDPLATE_BLIND_VERBOSE=1` prints every failure;
//! `BEDPLATE_BLIND_CASE=ID` prints the whole conversation of one case (`ID~` with synonyms).

#![allow(clippy::unwrap_used, reason = "a malformed case file shall stop the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bedplate_converse::{Block, Inference, Message, Request, Role, StopReason, Tool, ToolChoice, ToolStatus};
use bedplate_planner::{Moment, plan};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// Share of the cases that must pass as written: what was reached, to be raised; the goal is 0.85.
const ACCURACY_MIN: f64 = 0.76;
/// Most of that share that may be lost with synonyms: what was reached, to be lowered; the goal is 0.05.
const LOSS_MAX: f64 = 0.03;
/// Most replies with calls in one turn.
const STEPS_MAX: usize = 8;

/// One file: tools, how to rename them, conversations.
struct Set {
    name: String,
    instruction: String,
    tools: Vec<Tool>,
    synonyms: Map<String, Value>,
    words: Map<String, Value>,
    cases: Vec<Value>,
}

#[test]
fn blind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blind");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut cases, mut plain, mut renamed) = (0, 0, 0);
    let mut failures = Vec::new();
    let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    println!("{:<12} {:>5} {:>8} {:>9}", "set", "cases", "as is", "synonyms");
    for file in files {
        let set = read(&file);
        let (mut as_is, mut other) = (0, 0);
        let renaming = rename(&set);
        for (case, again) in set.cases.iter().zip(&renaming.cases) {
            let (first, second) = (passes(&set, case, "", &mut failures), passes(&renaming, again, "~", &mut failures));
            as_is += usize::from(first);
            other += usize::from(second);
            let row = kinds.entry(kind(case)).or_default();
            *row = [row[0] + 1, row[1] + usize::from(first), row[2] + usize::from(second)];
        }
        println!("{:<12} {:>5} {as_is:>8} {other:>9}", set.name, set.cases.len());
        cases += set.cases.len();
        plain += as_is;
        renamed += other;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred cases")]
    let share = |count: usize| count as f64 / cases.max(1) as f64;
    let (accuracy, loss) = (share(plain), share(plain) - share(renamed));
    println!(
        "{:<12} {cases:>5} {plain:>8} {renamed:>9}   accuracy {accuracy:.3}, loss {loss:.3}",
        "all"
    );
    kinds
        .iter()
        .for_each(|(kind, [all, plain, renamed])| println!("{kind:<12} {all:>5} {plain:>8} {renamed:>9}"));
    if wanted("BEDPLATE_BLIND_VERBOSE").is_some() {
        failures.iter().for_each(|failure| println!("{failure}"));
    }
    assert_eq!(cases, 200, "the corpus is not whole");
    assert!(accuracy >= ACCURACY_MIN, "accuracy {accuracy:.3} is below {ACCURACY_MIN}");
    assert!(loss <= LOSS_MAX, "synonyms cost {loss:.3}, more than {LOSS_MAX}");
}

#[expect(clippy::disallowed_methods, reason = "the test runner is told by its environment what to print")]
fn wanted(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether a case passes; a failure is described.
fn passes(set: &Set, case: &Value, mark: &str, failures: &mut Vec<String>) -> bool {
    let id = format!("{}{mark}", case["id"].as_str().unwrap());
    let mut log = String::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| converse(set, case, &mut log))).unwrap_or_else(|_| Err("panicked".into()));
    if wanted("BEDPLATE_BLIND_CASE").is_some_and(|case| case == id) {
        println!("{id}\n{log}{outcome:?}");
    }
    if let Err(why) = &outcome {
        failures.push(format!("{id}: {why}"));
    }
    outcome.is_ok()
}

/// What a case is about, told from its shape.
fn kind(case: &Value) -> &'static str {
    let turns = case["turns"].as_array().unwrap();
    let steps = |turn: &Value| turn["expect"].as_array().unwrap().len();
    if turns.iter().all(|turn| steps(turn) == 0) {
        "no tool"
    } else if steps(&turns[0]) == 0 {
        "asks first"
    } else if turns.len() > 1 {
        "goes on"
    } else if steps(&turns[0]) > 1 {
        "chain"
    } else if turns[0]["expect"][0].as_array().unwrap().len() > 1 {
        "two wishes"
    } else {
        "one call"
    }
}

/// Plays one conversation; tells what went wrong first.
fn converse(set: &Set, case: &Value, log: &mut String) -> Result<(), String> {
    let mut request = Request {
        model: "blind".into(),
        system: set.instruction.clone(),
        messages: Vec::new(),
        tools: set.tools.clone().into(),
        tool_choice: ToolChoice::Auto,
        inference: Inference::default(),
        streaming: false,
    };
    for (number, turn) in case["turns"].as_array().unwrap().iter().enumerate() {
        let user = turn["user"].as_str().unwrap();
        let _ = writeln!(log, "  user: {user}");
        request.messages.push(Arc::new(Message::user(user)));
        take_turn(&mut request, turn, log).map_err(|why| format!("turn {} \"{user}\"\n    {why}", number + 1))?;
    }
    Ok(())
}

fn take_turn(request: &mut Request, turn: &Value, log: &mut String) -> Result<(), String> {
    let mut expected: Vec<Vec<&Value>> = turn["expect"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step.as_array().unwrap().iter().collect())
        .collect();
    let mut served = BTreeMap::new();
    let mut made = Vec::new();
    for step in 0..=STEPS_MAX {
        let reply = plan(request, moment());
        let text = reply.message.text();
        let calls: Vec<_> = reply.message.content.iter().filter_map(call).collect();
        let _ = writeln!(
            log,
            "  planner: {text}{}",
            calls
                .iter()
                .map(|(_, name, input)| format!(" [{name} {input}]"))
                .collect::<String>()
        );
        request.messages.push(Arc::new(reply.message.clone()));
        if calls.is_empty() {
            return if !expected.is_empty() {
                Err(format!("missing {}; did {}; said \"{text}\"", show(&expected), list(&made)))
            } else if text.trim().is_empty() {
                Err("said nothing".into())
            } else if reply.stop != StopReason::EndTurn {
                Err(format!("stopped with {:?} without a call", reply.stop))
            } else {
                Ok(())
            };
        }
        if reply.stop != StopReason::ToolUse || step == STEPS_MAX {
            return Err(format!("calls in step {step}, stopped with {:?}", reply.stop));
        }
        let mut results = Vec::new();
        for (id, name, input) in &calls {
            made.push(format!("{name}{input}"));
            let place = expected
                .first()
                .and_then(|group| group.iter().position(|wanted| matches(wanted, name, input)));
            let Some(place) = place else {
                return Err(format!("expected {}; did {}", show(&expected), list(&made)));
            };
            expected[0].remove(place);
            if expected[0].is_empty() {
                expected.remove(0);
            }
            results.push(Block::ToolResult {
                id: id.clone(),
                text: result(turn, name, &mut served),
                status: ToolStatus::Success,
            });
        }
        request.messages.push(Arc::new(Message {
            role: Role::User,
            content: results,
        }));
    }
    Err("no end".into())
}

/// Saturday, 21 November 2026, ten o'clock.
fn moment() -> Moment {
    Moment {
        local: jiff::civil::date(2026, 11, 21).at(10, 0, 0, 0),
        zone: TimeZone::UTC,
    }
}

fn call(block: &Block) -> Option<(String, String, Value)> {
    match block {
        Block::ToolUse { id, name, input } => Some((id.clone(), name.clone(), input.clone())),
        _ => None,
    }
}

/// The next result of a tool; a tool may have one for each of its calls.
fn result(turn: &Value, tool: &str, served: &mut BTreeMap<String, usize>) -> String {
    let count = served.entry(tool.to_owned()).or_insert(0);
    *count += 1;
    match &turn["results"][function(tool)] {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts.get(*count - 1).and_then(Value::as_str).unwrap_or("{}").to_owned(),
        _ => "{}".into(),
    }
}

/// Tools are named `<group>__<function>`; the cases use the second part.
fn function(tool: &str) -> &str {
    tool.split_once("__").map_or(tool, |(_, function)| function)
}

fn matches(wanted: &Value, tool: &str, input: &Value) -> bool {
    let Some(given) = input.as_object() else { return false };
    let required = wanted["input"].as_object().unwrap();
    wanted["tool"] == function(tool)
        && required
            .iter()
            .all(|(name, value)| given.get(name).is_some_and(|given| equal(value, given)))
        && given
            .iter()
            .filter(|(name, _)| !required.contains_key(*name))
            .all(|(name, given)| wanted["optional"].get(name).is_some_and(|value| equal(value, given)))
}

/// `{"any": […]}` is met by each of its values, `{"contains": […]}` by a text with all of these; case and outer blanks do not count.
fn equal(wanted: &Value, given: &Value) -> bool {
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

fn show(expected: &[Vec<&Value>]) -> String {
    let one = |call: &Value| format!("{}{}", call["tool"].as_str().unwrap_or("?"), call["input"]);
    list(&expected.iter().flatten().map(|call| one(call)).collect::<Vec<_>>())
}

fn list(calls: &[String]) -> String {
    if calls.is_empty() { "no call".into() } else { calls.join(" + ") }
}

fn read(file: &Path) -> Set {
    let whole: Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tool = |value: &Value| Tool {
        name: text(&value["name"]),
        description: text(&value["description"]),
        schema: value["schema"].clone(),
    };
    Set {
        name: file.file_stem().unwrap().to_string_lossy().into_owned(),
        instruction: text(&whole["instruction"]),
        tools: whole["tools"].as_array().unwrap().iter().map(tool).collect(),
        synonyms: whole["synonyms"].as_object().unwrap().clone(),
        words: whole["words"].as_object().unwrap().clone(),
        cases: whole["cases"].as_array().unwrap().clone(),
    }
}

/// The same set as another developer might have named it: what the user says stays.
fn rename(set: &Set) -> Set {
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
