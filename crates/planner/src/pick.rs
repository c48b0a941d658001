//! One item out of a list that a tool returned: by position, by time, by name, by the words that were said.

use jiff::civil::{Date, Time};
use serde_json::Value;

use crate::results::plain;
use bedplate_language::entities::{Utterance, What};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words, tokens};
use bedplate_language::when::{self, When};
use bedplate_language::words::{is_filler, is_stop};

/// What choosing came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pick {
    /// This one.
    One(Value),
    /// None of them is what was asked for.
    None,
    /// Several are left; nothing said which.
    Many,
}

/// Items looked at.
const ITEMS_MAX: usize = 500;

/// Chooses among `items` by what was said (`said`: utterance and the part that matters, later ones count more).
/// `greedy` takes the first of several that all fit what was said.
pub(crate) fn pick(items: &[Value], said: &[(Utterance, usize, usize)], greedy: bool) -> Pick {
    let mut left: Vec<&Value> = items.iter().take(ITEMS_MAX).filter(|item| !unavailable(item)).collect();
    if left.is_empty() {
        return Pick::None;
    }
    let mut told = false;
    // times and days: the last one said counts
    if let Some(time) = latest(said, |what| match what {
        What::When(When::Time(time)) => Some(*time),
        What::When(When::DateTime(at)) => Some(at.time()),
        _ => None,
    }) && left.iter().any(|item| !times(item).is_empty())
    {
        told = true;
        left.retain(|item| times(item).contains(&time));
        if left.is_empty() {
            return Pick::None;
        }
    }
    if let Some(date) = latest(said, |what| match what {
        What::When(When::Date(date)) => Some(*date),
        What::When(When::DateTime(at)) => Some(at.date()),
        _ => None,
    }) && left.iter().any(|item| !dates(item).is_empty())
    {
        told = true;
        left.retain(|item| dates(item).is_empty() || dates(item).contains(&date));
        if left.is_empty() {
            return Pick::None;
        }
    }
    if let Some((from, to)) = latest(said, |what| match what {
        What::When(When::Part(_, from, to)) => Some((*from, *to)),
        _ => None,
    }) && left.iter().any(|item| !times(item).is_empty())
    {
        told = true;
        left.retain(|item| times(item).iter().any(|time| (from..to).contains(&time.hour())));
        if left.is_empty() {
            return Pick::None;
        }
    }
    // most of what was said about the thing itself
    let words = said_words(said);
    let hits = |item: &Value| {
        let own: Vec<String> = item_words(item);
        words
            .iter()
            .filter(|word| {
                own.iter()
                    .any(|other| other == *word || other.len() > 3 && thesaurus().similarity(other, word) >= 0.8)
            })
            .count()
    };
    let best = left.iter().map(|item| hits(item)).max().unwrap_or(0);
    if best > 0 {
        let before = left.len();
        left.retain(|item| hits(item) == best);
        told |= left.len() < before;
    }
    if let Some(superlative) = superlative(said)
        && let Some(found) = extreme(&left, superlative)
    {
        return Pick::One(found.clone());
    }
    if let Some(position) = latest(said, |what| {
        if let What::Ordinal(position) = what {
            Some(*position)
        } else {
            None
        }
    }) {
        let index = if position < 0 {
            left.len().checked_sub(1)
        } else {
            usize::try_from(position - 1).ok()
        };
        return index
            .and_then(|index| left.get(index))
            .map_or(Pick::None, |item| Pick::One((*item).clone()));
    }
    if said.iter().any(|(u, from, to)| {
        (*from..*to)
            .any(|at| matches!(u.word(at), "any" | "either" | "whichever" | "whatever" | "anyone") && !matches!(u.word(at + 1), "other"))
    }) {
        told = true;
    }
    if said
        .last()
        .is_some_and(|(u, from, to)| (*from..*to).any(|at| u.word(at) == "last" && (u.word(at + 1) == "one" || at + 1 == *to)))
        && let Some(item) = left.last()
    {
        return Pick::One((*item).clone());
    }
    match left[..] {
        [one] => Pick::One(one.clone()),
        [first, ..] if told && greedy => Pick::One(first.clone()),
        _ => Pick::Many,
    }
}

fn latest<T>(said: &[(Utterance, usize, usize)], read: impl Fn(&What) -> Option<T>) -> Option<T> {
    said.iter().rev().find_map(|(u, from, to)| {
        u.entities
            .iter()
            .filter(|entity| *from <= entity.from && entity.to <= *to)
            .filter_map(|entity| read(&entity.what))
            .next_back()
    })
}

/// An item that says itself that it is taken.
fn unavailable(item: &Value) -> bool {
    let Some(map) = item.as_object() else { return false };
    map.iter().any(|(key, value)| match value {
        Value::Bool(false) => matches!(
            key.as_str(),
            "available" | "free" | "open" | "is_available" | "isAvailable" | "in_stock" | "inStock"
        ),
        Value::Bool(true) => matches!(key.as_str(), "booked" | "taken" | "reserved" | "occupied" | "sold_out"),
        Value::String(text) => {
            matches!(key.as_str(), "status" | "state" | "availability")
                && matches!(
                    text.to_lowercase().as_str(),
                    "booked" | "taken" | "unavailable" | "occupied" | "sold out" | "sold_out"
                )
        }
        _ => false,
    })
}

fn strings(item: &Value) -> Vec<String> {
    match item {
        Value::Object(map) => map.values().flat_map(strings).collect(),
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.as_f64().map_or_else(|| number.to_string(), |value| value.to_string())],
        _ => Vec::new(),
    }
}

/// All times that an item names; of a span its beginning.
pub(crate) fn times(item: &Value) -> Vec<Time> {
    let now = Date::constant(2000, 1, 1).at(0, 0, 0, 0);
    let mut out = Vec::new();
    for text in strings(item)
        .iter()
        .filter(|text| text.len() < 80 && text.contains([':', 'm', 'M', 'T']))
    {
        let tokens = tokens(text);
        for at in 0..tokens.len() {
            if !matches!(tokens[at].shape, Shape::Clock | Shape::DateTime) {
                continue;
            }
            let time = match when::read(&tokens, at, now, false) {
                Some((When::Time(time), _)) => Some(time),
                Some((When::DateTime(at), _)) => Some(at.time()),
                _ => None,
            };
            if let Some(time) = time {
                out.push(time);
                break;
            }
        }
    }
    // "start" and "end" of one item: only the beginning counts
    if let Some(map) = item.as_object()
        && let Some(start) = map.iter().find(|(key, _)| {
            matches!(
                name_words(key).first().map(String::as_str),
                Some("start" | "from" | "begin" | "departure" | "depart" | "departs")
            )
        })
    {
        let first = times(start.1);
        if !first.is_empty() {
            return first;
        }
    }
    out
}

fn dates(item: &Value) -> Vec<Date> {
    let now = Date::constant(2000, 1, 1).at(0, 0, 0, 0);
    let mut out = Vec::new();
    for text in strings(item).iter().filter(|text| text.len() < 80) {
        let tokens = tokens(text);
        for at in 0..tokens.len() {
            if !matches!(tokens[at].shape, Shape::Date | Shape::DateTime) {
                continue;
            }
            match when::read(&tokens, at, now, false) {
                Some((When::Date(date), _)) => out.push(date),
                Some((When::DateTime(at), _)) => out.push(at.date()),
                _ => {}
            }
        }
    }
    out
}

fn item_words(item: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for text in strings(item) {
        for word in text
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .take(60)
        {
            out.push(stem(word));
        }
        out.push(text.to_lowercase());
    }
    out
}

fn said_words(said: &[(Utterance, usize, usize)]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (u, from, to) in said {
        for at in *from..*to {
            let Some(token) = u.tokens.get(at) else { continue };
            let when = u
                .entities
                .iter()
                .any(|entity| entity.from <= at && at < entity.to && matches!(entity.what, What::When(_) | What::Ordinal(_)));
            let letter = token.text.len() == 1 && token.text.chars().all(|c| c.is_ascii_uppercase()) && token.text != "I" && at > 0;
            let number = u.entities.iter().find_map(|entity| match entity.what {
                What::Number(value) | What::Money(value, _) if entity.from == at => Some(value.to_string()),
                _ => None,
            });
            if let Some(number) = number.filter(|number| !out.contains(number)) {
                out.push(number);
            }
            if !when
                && (letter || token.shape != Shape::Punct && !is_stop(&token.lower) && !is_filler(&token.lower))
                && !out.contains(&token.stem)
            {
                out.push(token.stem.clone());
            }
        }
    }
    out
}

/// Which end of which scale: words of the keys, and whether the smallest is wanted.
fn superlative(said: &[(Utterance, usize, usize)]) -> Option<(&'static [&'static str], bool)> {
    const PRICE: &[&str] = &["price", "cost", "fare", "rate", "amount", "fee", "total"];
    const TIME: &[&str] = &["time", "date", "start", "departure", "depart", "when", "day", "at"];
    const LENGTH: &[&str] = &["duration", "length", "minutes", "hours", "distance", "km", "travel", "eta"];
    const RATING: &[&str] = &["rating", "score", "stars", "review"];
    said.iter().rev().find_map(|(u, from, to)| {
        (*from..*to).find_map(|at| {
            let next = u.word(at + 1);
            match u.word(at) {
                "cheapest" => Some((PRICE, true)),
                "lowest" | "least" => Some((PRICE, true)),
                "priciest" | "dearest" => Some((PRICE, false)),
                "highest" | "most" if matches!(next, "expensive" | "price" | "amount" | "paid") => Some((PRICE, false)),
                "highest" | "top" | "best" if matches!(next, "rated" | "rating" | "reviewed" | "one") => Some((RATING, false)),
                "best" => Some((RATING, false)),
                "earliest" | "soonest" => Some((TIME, true)),
                "first" if next == "available" || next == "possible" || next == "free" => Some((TIME, true)),
                "next" if matches!(next, "available" | "free" | "possible") => Some((TIME, true)),
                "latest" | "newest" => Some((TIME, false)),
                "oldest" => Some((TIME, true)),
                "fastest" | "shortest" | "quickest" | "nearest" | "closest" => Some((LENGTH, true)),
                "longest" => Some((LENGTH, false)),
                _ => None,
            }
        })
    })
}

fn extreme<'a>(items: &[&'a Value], (keys, smallest): (&[&str], bool)) -> Option<&'a Value> {
    let measure = |item: &Value| -> Option<(f64, String)> {
        let map = item.as_object()?;
        let (_, value) = map
            .iter()
            .find(|(key, _)| name_words(key).iter().any(|word| keys.contains(&word.as_str())))?;
        match value {
            Value::Number(number) => Some((number.as_f64()?, String::new())),
            Value::String(text) => {
                let digits: String = text
                    .chars()
                    .skip_while(|c| !c.is_ascii_digit())
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                let money = !text.contains([':', '-']);
                Some((if money { digits.parse().unwrap_or(0.0) } else { 0.0 }, text.clone()))
            }
            other => Some((0.0, plain(other))),
        }
    };
    let mut measured: Vec<(f64, String, &'a Value)> = items
        .iter()
        .filter_map(|item| measure(item).map(|(number, text)| (number, text, *item)))
        .collect();
    if measured.is_empty() {
        return if smallest { items.first().copied() } else { items.last().copied() };
    }
    measured.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if smallest { measured.first() } else { measured.last() }.map(|(_, _, item)| *item)
}
