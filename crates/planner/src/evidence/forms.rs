//! Forms of texts: whether a value looks like the examples that a description gives.

use serde_json::Value;

use super::Facts;
use super::place::Weighed;
use crate::segment::Kind;

/// Most examples that are taken from a description, longest example, and longest part of a text whose form is told.
const EXAMPLES_MAX: usize = 5;
const EXAMPLE_CHARS_MAX: usize = 60;
/// From so many words on a text is long.
const WORDS_MAX: usize = 4;

/// What introduces examples.
const CUES: &[&str] = &["e.g.", "for example", "for instance", "such as", "example:", "like ", "eg "];

impl Weighed<'_> {
    /// Does the text look like the examples of the description, and of what form is it?
    pub(super) fn example(&self, facts: &mut Facts) {
        let dated = matches!(
            self.c.kind,
            Kind::Date | Kind::Time | Kind::DateTime | Kind::Range | Kind::Joined | Kind::Ends
        );
        let Some(Value::String(text)) = &self.c.value else { return };
        if !self.param.textual() || dated {
            return;
        }
        let shown = examples(&self.param.shows);
        let fit = if shown.is_empty() {
            "none"
        } else if shown.iter().any(|example| form(example) == form(text)) {
            "same"
        } else if shown.iter().any(|example| coarse_form(example) == coarse_form(text)) {
            "alike"
        } else {
            "other"
        };
        facts.add(&["example", fit, self.coarse]);
        facts.add(&["example", fit, self.coarse, self.role]);
        facts.add(&["example", fit, self.kind]);
        let own = coarse_form(text);
        facts.add(&["form", &own, self.role]);
        facts.add(&["form", &own, self.head]);
    }
}

/// What a description gives as examples: what is behind "e.g.", "such as" and the like, and what is quoted.
fn examples(description: &str) -> Vec<String> {
    let lower = description.to_lowercase();
    let behind = |cue: &&str| lower.find(*cue).and_then(|at| description.get(at + cue.len()..));
    let Some(rest) = CUES.iter().find_map(behind) else {
        return Vec::new();
    };
    let rest = rest.trim_start_matches([',', ':', ' ']);
    let end = rest.find([';', ')', '(']).unwrap_or(rest.len());
    rest[..end]
        .split(", ")
        .flat_map(|part| part.split(" or "))
        .take(EXAMPLES_MAX)
        .map(|part| {
            part.trim()
                .trim_matches(['"', '\'', '“', '”', '‘', '’'])
                .trim_end_matches('.')
                .trim()
        })
        .filter(|part| !part.is_empty() && part.len() <= EXAMPLE_CHARS_MAX)
        .map(str::to_owned)
        .collect()
}

/// Each run of characters of one sort as one character.
fn runs(chars: impl Iterator<Item = char>, sort: impl Fn(char) -> char) -> String {
    let mut out = String::new();
    for c in chars.map(sort) {
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// The form of a text: `A-9` for `PT-1187`, `Aa Aa` for `Oslo Central`.
pub(crate) fn form(text: &str) -> String {
    runs(text.chars().take(EXAMPLE_CHARS_MAX), |c| match c {
        '0'..='9' => '9',
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c => c,
    })
}

/// Whether a text has digits, whether it begins with a capital letter, and how many words it has: `9A1` for `PT-1187`.
fn coarse_form(text: &str) -> String {
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let upper = text.chars().next().is_some_and(char::is_uppercase);
    let words = text.split(' ').count();
    let coded = words == 1 && text.contains(['-', '_', '.', '/']);
    format!(
        "{}{}{}{}",
        if digits { '9' } else { 'a' },
        if upper { 'A' } else { 'a' },
        words.min(WORDS_MAX),
        if coded { "-" } else { "" }
    )
}

/// The letters that a text begins with.
pub(super) fn letters(text: &str) -> String {
    text.chars().take_while(char::is_ascii_alphabetic).collect()
}

/// Whether an id looks like the one that the description gives as an example: "such as INC0012345".
pub(super) fn alike_example(id: &str, description: &str) -> bool {
    let shape = |text: &str| {
        runs(text.chars().filter(|c| !matches!(c, '-' | '_' | '/')), |c| match c {
            '0'..='9' => '9',
            'a'..='z' | 'A'..='Z' => 'a',
            c => c,
        })
    };
    let prefix = |text: &str| letters(text).to_uppercase();
    description
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '"' | '\''))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.chars().any(|c| c.is_ascii_digit()))
        .any(|example| shape(example) == shape(id) || !prefix(id).is_empty() && prefix(id) == prefix(example))
}
