//! How well the planner does on conversations that were written from the schemas of tools alone, without a look at its rules.
//!
//! Two folders: `tests/known` is among what the weights are fitted to, its failures are printed; `tests/blind` is fitted to by nobody and not to
//! be read by who works on the planner, so only totals are. `BLIND=/folder` measures any other folder, with `BLIND_SHOW=1` its failures too.
//! Every set runs twice: as written, and with the names of tools and parameters (and the words of descriptions that repeat them) replaced by
//! synonyms, so that a planner that only compares words with names is found out. `KNOWN_CASE=ID` prints the whole conversation of one case
//! (`ID~` with synonyms).

#![allow(clippy::unwrap_used, reason = "a malformed case file shall stop the test")]

mod sets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_converse::{Block, Message, Request, Role, StopReason, SystemBlock, ToolStatus};
use bedplate_planner::{Moment, explain, plan};
use jiff::tz::TimeZone;
use serde_json::Value;
use sets::{Set, equal, files, function, read, rename};

/// Share of the blind cases that must pass as written.
const ACCURACY_MIN: f64 = 0.85;
/// Most of that share that may be lost with synonyms: what was reached, to be lowered; the goal is 0.05.
const LOSS_MAX: f64 = 0.07;
/// Share of the known cases that must pass as written: what was reached.
const KNOWN_MIN: f64 = 0.92;
/// Most replies with calls in one turn.
const STEPS_MAX: usize = 8;

/// What a folder came to.
struct Score {
    cases: usize,
    accuracy: f64,
    loss: f64,
    failures: Vec<String>,
}

#[test]
fn blind() {
    let folder = wanted("BLIND").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blind"), PathBuf::from);
    let score = measure(&folder, false);
    score
        .failures
        .iter()
        .filter(|_| wanted("BLIND_SHOW").is_some())
        .for_each(|failure| println!("{failure}"));
    if score.cases > 0 {
        assert!(
            score.accuracy >= ACCURACY_MIN,
            "accuracy {:.3} is below {ACCURACY_MIN}",
            score.accuracy
        );
        assert!(score.loss <= LOSS_MAX, "synonyms cost {:.3}, more than {LOSS_MAX}", score.loss);
    }
}

#[test]
fn known() {
    let score = measure(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/known"), true);
    score.failures.iter().for_each(|failure| println!("{failure}"));
    assert!(score.accuracy >= KNOWN_MIN, "accuracy {:.3} is below {KNOWN_MIN}", score.accuracy);
}

/// Runs all sets of a folder and prints totals, `detailed` by set too.
fn measure(folder: &Path, detailed: bool) -> Score {
    let mut failures = Vec::new();
    let mut kinds: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut all = [0; 3];
    let mut lines = String::new();
    for file in &files(folder) {
        let set = read(file);
        let mut own = [0; 3];
        let renaming = rename(&set);
        for (case, again) in set.cases.iter().zip(&renaming.cases) {
            let (first, second) = (passes(&set, case, "", &mut failures), passes(&renaming, again, "~", &mut failures));
            let counts = [1, usize::from(first), usize::from(second)];
            for row in [&mut own, &mut all, kinds.entry(kind(case)).or_default()] {
                row.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
        let _ = writeln!(lines, "{:<19} {:>5} {:>8} {:>9}", set.name, own[0], own[1], own[2]);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred cases")]
    let share = |count: usize| count as f64 / all[0].max(1) as f64;
    let (accuracy, loss) = (share(all[1]), share(all[1]) - share(all[2]));
    println!("{}: {} cases, accuracy {accuracy:.3}, loss {loss:.3}", folder.display(), all[0]);
    println!("{:<19} {:>5} {:>8} {:>9}", "kind", "cases", "as is", "synonyms");
    for (name, [cases, plain, renamed]) in kinds.iter().chain(std::iter::once((&"all", &all))) {
        println!("{name:<19} {cases:>5} {plain:>8} {renamed:>9}");
    }
    if detailed {
        print!("{lines}");
    }
    Score {
        cases: all[0],
        accuracy,
        loss,
        failures,
    }
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
    if wanted("KNOWN_CASE").is_some_and(|case| case == id) {
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
        system: SystemBlock::text(set.instruction.as_str()),
        tools: set.tools.clone().into(),
        ..Request::default()
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
        if wanted("KNOWN_CASE").is_some() && step == 0 {
            log.push_str(&explain(request, moment()));
        }
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
            results.push(Block::tool_result(id, result(turn, name, &mut served), ToolStatus::Success));
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

fn show(expected: &[Vec<&Value>]) -> String {
    let one = |call: &Value| format!("{}{}", call["tool"].as_str().unwrap_or("?"), call["input"]);
    list(&expected.iter().flatten().map(|call| one(call)).collect::<Vec<_>>())
}

fn list(calls: &[String]) -> String {
    if calls.is_empty() { "no call".into() } else { calls.join(" + ") }
}
