//! What is said about time, as cases: a line each, `phrase = what it means on Saturday, 21 November 2026, at ten`.

use std::sync::Arc;

use bedplate_language::entities::{Utterance, What};
use bedplate_language::when::When;

fn read(phrase: &str) -> String {
    let now = jiff::civil::date(2026, 11, 21).at(10, 0, 0, 0);
    let said = Utterance::read(phrase, now, &Arc::from([]));
    let found = said.entities.iter().filter_map(|entity| match &entity.what {
        What::When(When::Date(date)) => Some(date.to_string()),
        What::When(When::Time(time)) => Some(time.strftime("%H:%M").to_string()),
        What::When(When::DateTime(at)) => Some(at.strftime("%Y-%m-%dT%H:%M").to_string()),
        What::When(When::Range(first, last)) => Some(format!("{first}..{last}")),
        What::When(When::Part(name, ..)) => Some((*name).to_owned()),
        What::When(When::Length(count, unit)) => Some(format!("{count} {unit}")),
        What::Number(number) => Some(format!("#{number}")),
        _ => None,
    });
    found.collect::<Vec<_>>().join(", ")
}

#[test]
fn cases() {
    let wrong: Vec<String> = include_str!("cases/when.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| {
            let (phrase, expected) = line.split_once(" = ").unwrap_or((line, ""));
            let found = read(phrase);
            (found != expected).then(|| format!("{phrase}: expected {expected}, read {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
