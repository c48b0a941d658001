//! What a description tells in words that a schema would tell in keywords: allowed values, examples of ids.
//!
//! It reads sentences for people, so it takes only what is put in one of the usual ways and leaves the rest alone.

use serde_json::Value;

/// Most values that a description may list.
const VALUES_MAX: usize = 16;
/// Longest value, in bytes and in words.
const VALUE_BYTES_MAX: usize = 32;
const VALUE_WORDS_MAX: usize = 3;

/// Words that announce all values that there are.
const CLOSED: [&str; 20] = [
    "one of the following:",
    "one of these:",
    "one of:",
    "one of the",
    "one of",
    "either ",
    "possible values are",
    "possible values:",
    "allowed values are",
    "allowed values:",
    "valid values are",
    "valid values:",
    "accepted values:",
    "values:",
    "options:",
    "choices:",
    "choose from",
    "allowed:",
    "must be ",
    "can be ",
];
/// Words that announce a few values among others.
const OPEN: [&str; 7] = ["e.g.", "for example", "for instance", "such as", "like ", "example:", "eg "];

/// Words that describe a value instead of being one.
const DESCRIBING: [&str; 61] = [
    "name",
    "names",
    "number",
    "numbers",
    "id",
    "ids",
    "email",
    "code",
    "date",
    "time",
    "address",
    "text",
    "title",
    "word",
    "words",
    "phone",
    "url",
    "person",
    "people",
    "surname",
    "identifier",
    "reference",
    "keyword",
    "keywords",
    "city",
    "town",
    "place",
    "part",
    "partial",
    "description",
    "topic",
    "dish",
    "cuisine",
    "author",
    "username",
    "login",
    "today",
    "tomorrow",
    "nothing",
    "something",
    "anything",
    "none",
    "more",
    "less",
    "amount",
    "reason",
    "subject",
    "street",
    "country",
    "postcode",
    "zip",
    "question",
    "breed",
    "ingredient",
    "channel",
    "item",
    "product",
    "member",
    "customer",
    "user",
    "street",
];

/// "one of low, medium or high", "(economy, business, first)", "open|closed", "'a', 'b'": values told in words. The flag
/// says that they are only examples.
pub(crate) fn told_options(description: &str, name: &[String]) -> (Vec<Value>, bool) {
    let lower = description.to_lowercase();
    let after = |markers: &[&str]| {
        markers
            .iter()
            .filter_map(|marker| lower.find(marker).map(|at| (at, at + marker.len())))
            .filter(|(at, _)| *at == 0 || !lower.as_bytes()[at - 1].is_ascii_alphanumeric())
            .min_by_key(|(at, end)| (*at, usize::MAX - end))
            .and_then(|(_, end)| description.get(end..))
    };
    let quoted = quoted(description);
    let open = after(&OPEN);
    if quoted.len() >= 2 && quoted.len() <= VALUES_MAX {
        return (texts(&quoted), open.is_some());
    }
    if let Some(values) = after(&CLOSED).and_then(|text| list(text, true)) {
        return (texts(&values), false);
    }
    if let Some(text) = open {
        let values = list(text, true).or_else(|| {
            let first = text
                .split([',', '.', ';', ')'])
                .next()?
                .trim()
                .trim_matches(['\'', '"', '`', ':', '“', '”']);
            (!first.is_empty() && fine(first)).then(|| vec![first.to_owned()])
        });
        return values.map_or((Vec::new(), false), |values| {
            if values.iter().any(|value| value.contains(|c: char| c.is_ascii_digit())) {
                (Vec::new(), false)
            } else {
                (texts(&values), true)
            }
        });
    }
    // "Size (small, medium, large)", "Size: small or large", "small, medium or large"
    let inner = description
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(inner, _)| list(inner, true).filter(|values| !values.iter().any(|value| value.chars().all(|c| c.is_ascii_digit()))));
    let found = inner
        .or_else(|| description.split_once(':').and_then(|(_, rest)| list(rest, true)))
        .or_else(|| description.split_once(" - ").and_then(|(_, rest)| list(rest, true)))
        .or_else(|| description.split(['.', ';']).find_map(|sentence| list(sentence, false)))
        // "Song, artist or playlist" for `song`: kinds of things, not values
        .filter(|values| !values.iter().any(|value| name.contains(&value.to_lowercase())));
    found.map_or((Vec::new(), false), |values| (texts(&values), false))
}

fn texts(values: &[String]) -> Vec<Value> {
    values.iter().map(|value| Value::String(value.clone())).collect()
}

/// What stands in quotation marks.
fn quoted(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let close = match chars[at] {
            '"' => '"',
            '`' => '`',
            '“' => '”',
            '\'' if at == 0 || !chars[at - 1].is_alphanumeric() => '\'',
            _ => {
                at += 1;
                continue;
            }
        };
        let Some(end) = (at + 1..chars.len()).find(|end| chars[*end] == close) else {
            break;
        };
        let value: String = chars[at + 1..end].iter().collect();
        if !value.trim().is_empty() && value.len() <= VALUE_BYTES_MAX && !out.contains(&value) {
            out.push(value);
        }
        at = end + 1;
    }
    out
}

/// The values of "a, b or c"; `led` when something announced them.
fn list(text: &str, led: bool) -> Option<Vec<String>> {
    let mut plain = String::new();
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            '.' | ';' | '\n' if depth == 0 => break,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let joined =
        plain.contains(" or ") || plain.contains('|') || led && (plain.contains(',') || plain.contains('/') || plain.contains(" and "));
    if !joined {
        return None;
    }
    let split = plain
        .trim()
        .trim_start_matches([':', '-', ' '])
        .replace(" or ", ",")
        .replace(['|', '/'], ",");
    let split = if led { split.replace(" and ", ",") } else { split };
    let values: Vec<String> = split
        .split(',')
        .map(|value| value.trim().trim_matches(['\'', '"', '`', '“', '”', ':']).trim())
        .map(|value| value.strip_prefix("or ").unwrap_or(value).trim().to_owned())
        .filter(|value| !value.is_empty() && !value.to_lowercase().starts_with("default"))
        .collect();
    if values.len() < 2 || values.len() > VALUES_MAX || !values.iter().all(|value| fine(value)) {
        return None;
    }
    if !led {
        // a sentence of its own: all values are written alike, or there are three
        let small = |value: &String| value.starts_with(|c: char| c.is_lowercase());
        let same = values.iter().all(small) || !values.iter().any(small);
        let single = values.iter().all(|value| value.split_whitespace().count() <= 2);
        if !(same || values.len() >= 3) || !single {
            return None;
        }
    }
    Some(values)
}

fn fine(value: &str) -> bool {
    let lower = value.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    !words.is_empty()
        && words.len() <= VALUE_WORDS_MAX
        && value.len() <= VALUE_BYTES_MAX
        && !["yyyy", "hh", "iso", "optional", "required", "if", "in", "e.g", "dd", "mm", "utc"]
            .iter()
            .any(|bad| words[0] == *bad || words[0].starts_with("yyyy") || words[0].starts_with("hh:"))
        && !words.iter().any(|word| {
            DESCRIBING.contains(word)
                || matches!(
                    *word,
                    "the" | "a" | "an" | "of" | "for" | "to" | "is" | "as" | "which" | "your" | "this"
                )
        })
        && !value.contains(':')
}

/// The examples of ids that a description gives: "e.g. INC0012345", "like A-17".
pub(crate) fn id_examples(description: &str) -> Vec<&str> {
    description
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '"' | '\'' | '`' | ';' | '“' | '”'))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| {
            word.len() <= 40
                && word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.contains(|c: char| c.is_ascii_digit())
                && !word.to_lowercase().starts_with("iso")
                && !word.contains(['/', '@', '='])
        })
        .collect()
}

/// `report.pdf`: a name with an ending of letters (or of `3mf`).
pub(crate) fn is_file(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty() && (2..=5).contains(&ending.len()) && ending.chars().any(|c| c.is_ascii_alphabetic())
    })
}

/// Whether a description speaks of the ending of this file: "ending in .stl or .3mf", "a PDF".
pub(crate) fn shows_ending(description: &str, file: &str) -> bool {
    let ending = file.rsplit('.').next().unwrap_or_default().to_lowercase();
    description
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == ending)
}

/// Whether a description speaks of endings of files: "ending in .stl".
pub(crate) fn shows_any_ending(description: &str) -> bool {
    description.split_whitespace().any(|word| {
        word.trim_matches(['(', ')', ',', ';', '"', '\''])
            .strip_prefix('.')
            .is_some_and(|ending| (2..=5).contains(&ending.len()) && ending.chars().all(char::is_alphanumeric))
    })
}

/// The letters that an id begins with, in upper case.
pub(crate) fn prefix(id: &str) -> String {
    id.chars()
        .take_while(|c| c.is_ascii_alphabetic())
        .collect::<String>()
        .to_uppercase()
}

/// Whether an id begins like the examples of another parameter, so that it cannot stand for a text or a name.
pub(crate) fn foreign(id: &str, description: &str, prefixes: &[String]) -> bool {
    let own = prefix(id);
    !own.is_empty() && prefixes.contains(&own) && !id_examples(description).iter().any(|example| prefix(example) == own)
}

/// Whether an id can be of the kind that the description shows: it begins like an example here, or like no example of
/// all that are known (`prefixes`).
pub(crate) fn of_kind(id: &str, description: &str, prefixes: &[String]) -> bool {
    let own = prefix(id);
    let examples = id_examples(description);
    if own.is_empty() {
        return examples.is_empty() || !examples.iter().all(|example| !prefix(example).is_empty() && example.len() >= 4);
    }
    examples.iter().any(|example| prefix(example) == own) || !prefixes.contains(&own)
}
