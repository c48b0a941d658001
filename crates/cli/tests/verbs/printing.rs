//! Events → lines. A case is a file of events (as `invoke -o json` prints them) and the screen that they give.

use bedplate_cli::{Event, Printer};
use serde_json::Value;

/// Columns of the cases' screens.
const WIDTH: usize = 80;

#[test]
fn every_case_prints_its_screen() {
    for path in super::cases("printer", "jsonl") {
        let mut printer = Printer::new(WIDTH, false);
        let mut screen = String::new();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
            if let Some(text) = value.get("you") {
                printer.begin();
                screen.push_str(&printer.said(text.as_str().unwrap()));
            } else if value.get("end").is_some() {
                screen.push_str(&printer.end());
            } else {
                screen.push_str(&printer.event(&Event::from_json(&value).unwrap()));
            }
        }
        screen.push_str(&printer.end());
        screen.push_str(&printer.summary("s-1"));
        super::same(&path.with_extension("txt"), &screen);
        for line in screen.lines() {
            // A word that fits no line, such as an address, is left whole.
            let fits = line.chars().count() <= WIDTH || line.split(' ').any(|word| word.chars().count() > WIDTH - 11);
            assert!(fits, "{}: too wide: {line}", path.display());
            assert!(!line.contains('\u{1b}'), "{}: steers the terminal: {line:?}", path.display());
        }
    }
}

#[test]
fn pieces_of_an_answer_give_the_same_screen_as_the_whole() {
    let text = "Booked:  court A,\n\n  - tomorrow at 3pm, with a long explanation that has to be wrapped at the end of the line\nBye";
    let print = |pieces: Vec<String>| {
        let mut printer = Printer::new(WIDTH, false);
        let mut screen = String::new();
        for piece in pieces {
            let event = Event::from_json(&serde_json::json!({"chunk": {"text": piece}})).unwrap();
            screen.push_str(&printer.event(&event));
        }
        screen + &printer.end()
    };
    let whole = print(vec![text.to_owned()]);
    assert_eq!(print(text.chars().map(String::from).collect()), whole);
    assert!(whole.lines().count() >= 5, "{whole}");
}

#[test]
fn colours_change_nothing_but_colours() {
    for path in super::cases("printer", "jsonl") {
        let screen = |colors| {
            let mut printer = Printer::new(WIDTH, colors);
            let mut screen = String::new();
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let value: Value = serde_json::from_str(line).unwrap();
                screen.push_str(&Event::from_json(&value).map(|event| printer.event(&event)).unwrap_or_default());
            }
            screen + &printer.end()
        };
        let mut bare = screen(true);
        for code in ["2", "31", "32", "33", "36", "0"] {
            bare = bare.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(bare, screen(false), "{}", path.display());
    }
}
