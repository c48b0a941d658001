//! Replies and arguments, case by case; and that a stream shows what the whole reply says, however it is cut.

use std::path::Path;

use bedplate_agent::Program;
use bedplate_agent::steps::Kind;
use bedplate_converse::Reply;
use bedplate_journal::{Part, Reader};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::desk::Desk;
use crate::scenario::{Function, Said, Use};

fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn program(actions: Vec<bedplate_agent::Action>) -> Program {
    Program::new("desk".into(), "test/model".into(), "Work.".into(), actions, 600)
}

fn reply(text: &str) -> Reply {
    let said = Said {
        text: Some(text.to_owned()),
        ..Said::default()
    };
    said.reply(1, 0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    about: String,
    text: String,
    answer: String,
    /// The answer of a streamed turn, when it is another one.
    streaming: Option<String>,
    rationale: Option<String>,
}

#[test]
fn replies() {
    for case in cases::<Reading>("reading.yaml") {
        for streaming in [false, true] {
            let mut desk = Desk::new(&program(Vec::new()), streaming);
            desk.reply(&reply(&case.text));
            let wanted = if streaming { case.streaming.as_ref() } else { None };
            // Without a word there is no answer: the turn fails.
            let wanted = Some(wanted.unwrap_or(&case.answer)).filter(|answer| !answer.trim().is_empty());
            assert_eq!(desk.answer.as_ref(), wanted, "{}", case.about);
            let rationale = desk.shown.iter().find_map(|step| match &step.kind {
                Kind::Rationale(text) => Some(text.clone()),
                _ => None,
            });
            assert_eq!(rationale, case.rationale, "{}", case.about);
        }
    }
}

/// What a stream shows of `parts`.
fn streamed(parts: &[&str]) -> String {
    let desk = Desk::new(&program(Vec::new()), true);
    let mut reader: Box<dyn Reader> = desk.reader().expect("streamed turns have a reader");
    parts.iter().map(|part| reader.read(&Part::Text((*part).to_owned()))).collect()
}

/// However a text is cut, the same is shown, and the answer begins with it.
fn check_cuts(text: &str, random: &mut u64) {
    let mut desk = Desk::new(&program(Vec::new()), true);
    desk.reply(&reply(text));
    let whole = streamed(&[text]);
    match desk.answer {
        Some(answer) => assert!(answer.starts_with(&whole), "{text:?}: {answer:?} does not begin with {whole:?}"),
        None => assert!(whole.trim().is_empty(), "{text:?}: nothing was said, and {whole:?} was shown"),
    }
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    for at in &places {
        let (one, other) = text.split_at(*at);
        assert_eq!(streamed(&[one, other]), whole, "{text:?} cut at {at}");
    }
    for _ in 0..4 {
        let (mut parts, mut from) = (Vec::new(), 0);
        for at in &places {
            if next(random).is_multiple_of(3) {
                parts.push(&text[from..*at]);
                from = *at;
            }
        }
        parts.push(&text[from..]);
        assert_eq!(streamed(&parts), whole, "{parts:?}");
    }
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

#[test]
fn streams_show_the_same_however_they_are_cut() {
    let mut random = 0x9e37_79b9_7f4a_7c15;
    for case in cases::<Reading>("reading.yaml") {
        check_cuts(&case.text, &mut random);
    }
    let pieces = [
        "<answer>",
        "</answer>",
        "<thinking>",
        "</thinking>",
        "a",
        "\n",
        " ",
        "<",
        "</",
        "ans",
        "wer>",
        ">",
        "é",
    ];
    for _ in 0..400 {
        let count = next(&mut random) % 9;
        let text: String = (0..count)
            .map(|_| pieces[usize::try_from(next(&mut random)).unwrap_or(0) % pieces.len()])
            .collect();
        check_cuts(&text, &mut random);
    }
}

#[test]
fn only_streamed_turns_have_a_reader_and_it_hides_thoughts_and_calls() {
    assert!(Desk::new(&program(Vec::new()), false).reader().is_none());
    let mut reader = Desk::new(&program(Vec::new()), true).reader().unwrap();
    let parts = [
        (Part::Thinking("<answer>no".into()), ""),
        (Part::Text("before <answer>".into()), ""),
        (Part::Text("yes".into()), "yes"),
        (
            Part::Tool {
                id: "1".into(),
                name: "t".into(),
            },
            "",
        ),
        (Part::Text("late".into()), ""),
    ];
    for (part, shown) in parts {
        assert_eq!(reader.read(&part), shown, "{part:?}");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    r#type: String,
    #[serde(default)]
    value: Json,
    #[serde(default)]
    absent: bool,
    /// All of the arguments instead.
    #[serde(default, deserialize_with = "present")]
    input: Option<Json>,
    text: Option<String>,
    problem: Option<String>,
}

/// Tells a null from what is not there.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[test]
fn arguments() {
    for case in cases::<Given>("arguments.yaml") {
        let input = match &case.input {
            Some(input) => input.clone(),
            None if case.absent => json!({}),
            None => json!({"p": case.value}),
        };
        let at = format!("{} {input}", case.r#type);
        let function = Function {
            name: "g.f".into(),
            client: false,
            confirm: false,
            parameters: [("p".to_owned(), case.r#type.clone())].into(),
        };
        let mut desk = Desk::new(&program(vec![function.action()]), false);
        let said = Said {
            uses: vec![Use {
                tool: "g__f".into(),
                input,
                ..Use::default()
            }],
            ..Said::default()
        };
        desk.reply(&said.reply(1, 0));
        let told = desk
            .notes
            .iter()
            .find_map(|note| note["rejected"]["message"].as_str().map(str::to_owned));
        match (&case.problem, told) {
            (Some(problem), Some(told)) => assert!(told.contains(problem), "{at}: {told}"),
            (None, None) => {
                let wanted = match &case.text {
                    Some(text) => json!([{"name": "p", "type": case.r#type, "value": text}]),
                    None => json!([]),
                };
                assert_eq!(desk.called[0]["event"]["parameters"], wanted, "{at}");
            }
            (wanted, told) => panic!("{at}: wanted {wanted:?}, told {told:?}"),
        }
    }
}
