//! Every file of `cases` says what comes in; the text beside it says what must come of it. `BEDPLATE_BLESS=1` writes the texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_agent::{KIND, LAMBDA, MODEL, Programs, SessionDecider};
use bedplate_journal::{Body, Payload};
use bedplate_testkit::{Fault, Scenario, shake};
use serde_json::Value as Json;

use crate::world::{self, World};
use crate::{scenario, show};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() > 20, "the cases are gone");
    files
}

fn read(file: &Path) -> Arc<scenario::Scenario> {
    Arc::new(scenario::Scenario::read(file))
}

/// A run without a crash.
fn plain(file: &Path) -> (World, u64) {
    let mut world = World::new(read(file));
    let commits = world.process(None).expect("nothing crashes");
    (world, commits)
}

/// What came of it, as text.
fn told(world: &World) -> String {
    let mut out = String::new();
    for (request, lines) in &world.seen {
        let _ = writeln!(out, "{request}\n{}", lines.join("\n"));
    }
    let lambda = world.effects(LAMBDA);
    if !lambda.is_empty() {
        let calls: Vec<_> = lambda.iter().map(show::lambda).collect();
        let _ = writeln!(out, "functions are sent\n  {}", calls.join("\n  "));
    }
    if let Some(last) = world.effects(MODEL).last() {
        let _ = writeln!(out, "the model is sent at last\n  {}", show::transcript(&last.payload).join("\n  "));
        if world.scenario.system {
            let payload: Json = serde_json::from_str(&last.payload).unwrap();
            let _ = writeln!(out, "with the tools\n  {}", payload["tools"]);
            let _ = writeln!(out, "and the system prompt\n{}", payload["system"].as_str().unwrap());
        }
    }
    out
}

#[test]
fn scenarios_end_as_written() {
    #[allow(clippy::disallowed_methods, reason = "whoever changes the agent has the texts written anew")]
    let bless = std::env::var_os("BEDPLATE_BLESS").is_some();
    let mut wrong = Vec::new();
    for file in files() {
        let (world, _) = plain(&file);
        let told = told(&world);
        let expected = file.with_extension("txt");
        if bless {
            std::fs::write(&expected, &told).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{} ended otherwise:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The journal tells the same steps as the live feed.
#[test]
fn replay_tells_what_the_feed_told() {
    for file in files() {
        let (world, _) = plain(&file);
        let mut seen = world.seen.clone();
        seen.values_mut()
            .for_each(|lines| lines.retain(|line| !line.starts_with("  streamed")));
        assert_eq!(seen, world.replay(), "{}", file.display());
    }
}

/// What must hold of every run, however often its process died.
fn check_rules(at: &str, world: &World) {
    let mut payloads = BTreeMap::new();
    for effect in world.ledger.effects() {
        let first = payloads.entry(effect.key.0.clone()).or_insert_with(|| effect.clone());
        assert_eq!(*first, effect, "{at}: one key, two effects");
        if effect.target == MODEL {
            check_transcript(at, &effect.payload);
        }
    }
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for event in world.events() {
        if let Some(request) = world::request_of(&event) {
            assert!(asked.insert(request.clone()), "{at}: {request} was taken twice");
        }
        if let Body::Replied { to, .. } = &event.body {
            assert!(answered.insert(format!("{to:?}")), "{at}: {to:?} was answered twice");
        }
    }
}

/// Providers want: the user first, roles in turns, every tool use answered by the next message, nothing empty.
pub(crate) fn check_transcript(at: &str, payload: &str) {
    let payload: Json = serde_json::from_str(payload).unwrap();
    let mut open: Vec<Json> = Vec::new();
    for (index, message) in payload["messages"].as_array().unwrap().iter().enumerate() {
        let role = if index % 2 == 0 { "user" } else { "assistant" };
        assert_eq!(message["role"], role, "{at}: message {index} of {payload}");
        let blocks = message["content"].as_array().unwrap();
        assert!(!blocks.is_empty(), "{at}: message {index} of {payload} is empty");
        let of = |kind: &str| -> Vec<Json> {
            blocks
                .iter()
                .filter_map(|block| block.get(kind).map(|inner| inner["toolUseId"].clone()))
                .collect()
        };
        assert_eq!(of("toolResult"), open, "{at}: results in message {index} of {payload}");
        assert!(blocks.iter().all(|block| block["text"] != ""), "{at}: empty text in {payload}");
        open = of("toolUse");
    }
    assert!(open.is_empty(), "{at}: {payload}");
}

fn bodies(world: &World) -> Vec<Body> {
    world.events().into_iter().map(|event| event.body).collect()
}

/// Without times: what a crash may change.
fn timeless(steps: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    let cut = |line: String| match (line.find(" after "), line.find(" ms")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &line[..from], &line[to + 3..]),
        _ => line,
    };
    steps
        .into_iter()
        .map(|(request, lines)| (request, lines.into_iter().map(cut).collect()))
        .collect()
}

fn same_end(at: &str, plain: &World, crashed: &World) {
    check_rules(at, crashed);
    let last = |world: &World| world.effects(MODEL).last().map(|effect| show::transcript(&effect.payload));
    if plain.scenario.races() {
        let ends = |world: &World| -> Vec<Option<String>> { timeless(world.replay()).into_values().map(|mut lines| lines.pop()).collect() };
        assert_eq!(ends(crashed), ends(plain), "{at}");
        return;
    }
    assert_eq!(bodies(crashed), bodies(plain), "{at}: the journal");
    assert_eq!(timeless(crashed.replay()), timeless(plain.replay()), "{at}: the steps");
    assert_eq!(last(crashed), last(plain), "{at}: the transcript");
    let effects = |world: &World| -> BTreeMap<String, String> {
        let pairs = world.ledger.effects().into_iter().map(|effect| (effect.key.0, effect.payload));
        pairs.collect()
    };
    assert_eq!(effects(crashed), effects(plain), "{at}: the effects");
}

/// The process dies once, at every commit, before and after it is durable.
#[test]
fn one_crash_anywhere_changes_nothing() {
    for file in files() {
        let (plain, commits) = plain(&file);
        check_rules(&file.display().to_string(), &plain);
        // Long scenarios repeat themselves: of those some commits are enough.
        let step = 1 + usize::try_from(commits).unwrap() / 40;
        let commits = (1..=commits).step_by(step);
        for crash in commits.flat_map(|commit| [(commit, Fault::CrashBefore), (commit, Fault::CrashAfter)]) {
            let mut world = World::new(read(&file));
            assert_eq!(world.process(Some(crash)), None, "{crash:?} did not come");
            world.process(None).expect("nothing crashes");
            same_end(&format!("{} {crash:?}", file.display()), &plain, &world);
        }
    }
}

/// The process dies, the store refuses and lies, other processes take over: again and again, where a seed says.
#[test]
fn faults_change_nothing() {
    for file in files() {
        let (plain, _) = plain(&file);
        if plain.scenario.races() || plain.scenario.waits() {
            continue;
        }
        let programs = Arc::new(Programs::default());
        let (of_model, of_lambda) = (plain.scenario.clone(), plain.scenario.clone());
        let scenario = Scenario::new(KIND, move |_| Box::new(SessionDecider::new(programs.clone())))
            .target(MODEL, move |call, _| of_model.model(call))
            .target(LAMBDA, move |call, _| of_lambda.lambda(call))
            .describe(|payload| match payload {
                Payload::Raw(raw) => raw.as_str().to_owned(),
                Payload::Typed(_) => scenario::model_request(payload),
            });
        let scenario = plain
            .sent
            .iter()
            .fold(scenario, |scenario, letter| scenario.input(&world::exec(), letter.clone()));
        let report = shake(&scenario, 1..=4).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let journal: Vec<_> = report.journals[&world::exec()].iter().map(|event| event.body.clone()).collect();
        assert_eq!(journal, bodies(&plain), "{}", file.display());
    }
}
