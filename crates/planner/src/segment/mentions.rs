//! Mentions that may be a value: days, amounts, ids, names.

use jiff::ToSpan as _;
use serde_json::json;

use super::times::{between, combined};
use super::{Candidate, Kind, Scene};
use crate::arguments::option_or;
use crate::schema::{Param, Role, Type};
use crate::values;
use bedplate_language::codes::language;
use bedplate_language::entities::{Entity, What, currency};
use bedplate_language::measures::measure;
use bedplate_language::when::{When, length_at};

/// From noon on a time may have been said for the half day before: "at 3" was read as 15:00.
const NOON: i8 = 12;

/// All readings of all mentions, alone and put together.
pub(super) fn mentions(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    for entity in scene.entities() {
        mention(scene, param, entity, out);
    }
    if matches!(param.role, Role::Percent) || param.is_any(&["percent", "percentage", "share", "rollout"]) {
        shares(scene, param, out);
    }
    if param.role == Role::Length {
        between(scene, param, out);
    }
    if param.role == Role::Currency {
        currencies(scene, param, out);
    }
    if matches!(param.items, Type::Integer | Type::Number) {
        counts(scene, param, out);
        measures(scene, param, out);
    }
    languages(scene, param, out);
    if matches!(param.role, Role::Date | Role::DateTime | Role::Time) {
        combined(scene, param, out);
    }
}

/// The readings of one mention.
fn mention(scene: &Scene, param: &Param, entity: &Entity, out: &mut Vec<Candidate>) {
    let u = scene.u;
    let span = (entity.from, entity.to);
    // "the second one" is one of a list
    if matches!(entity.what, What::Ordinal(_)) && (param.role != Role::Count || matches!(u.word(entity.to), "one" | "ones")) {
        return;
    }
    if let What::Money(_, code) = &entity.what
        && param.role == Role::Currency
    {
        out.extend(
            code.iter()
                .map(|code| Candidate::new(span, Kind::Money, "code", option_or(param, code))),
        );
        return;
    }
    let said = u.slice(entity.from, entity.to).trim_start_matches('#');
    let mut push = |what: &What, how: &'static str| {
        if let Some(value) = values::value(what, said, param, scene.now) {
            out.push(Candidate::new(span, Kind::of(what), how, value));
        }
    };
    match &entity.what {
        What::When(When::Range(first, last)) if matches!(param.role, Role::Date | Role::DateTime) => {
            push(&What::When(When::Date(*first)), "first");
            push(&What::When(When::Date(*last)), "last");
        }
        What::When(When::Time(time)) if time.hour() >= NOON => {
            push(&entity.what, "");
            push(&What::When(When::Time(time.saturating_sub(i64::from(NOON).hours()))), "early");
        }
        what => push(what, ""),
    }
    // "taken on the 10th"
    if let What::When(When::Date(day)) = &entity.what
        && matches!(param.items, Type::Integer | Type::Number)
    {
        if param.is_any(&["day"]) {
            push(&What::Number(f64::from(day.day())), "day");
        } else if param.is_any(&["month"]) {
            push(&What::Number(f64::from(day.month())), "month");
        }
    }
    // "in twenty minutes", "the next 60 days"
    if matches!(
        entity.what,
        What::When(When::Time(_) | When::DateTime(_) | When::Date(_) | When::Range(..))
    ) && matches!(param.role, Role::Length | Role::Count)
        && let Some((length, _)) = (entity.from..entity.to).find_map(|at| length_at(&u.tokens, at))
    {
        push(&What::When(length), "in");
    }
    if let Some(other) = &entity.other {
        push(&What::When(other.clone()), "other");
    }
}

/// "Half", "everyone": shares in words, as percent.
fn shares(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    for at in scene.open_tokens() {
        let share = match u.word(at) {
            "half" => 50.0,
            "quarter" if at > 0 && u.word(at - 1) == "three" => 75.0,
            "quarter" => 25.0,
            "third" => 33.0,
            "everyone" | "everybody" | "all" | "fully" => 100.0,
            _ => continue,
        };
        out.push(Candidate::new((at, at + 1), Kind::Percent, "word", values::number(share, param)));
    }
}

/// "Twice", "a foursome", "just me": numbers that are no numerals.
fn counts(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    // "the blue one"
    let pointed = |at: usize| {
        let near = |gap: usize| at.checked_sub(gap).map_or("", |at| u.word(at));
        [1, 2].iter().any(|gap| {
            matches!(
                near(*gap),
                "the" | "this" | "that" | "which" | "another" | "any" | "no" | "every" | "each" | "last"
            )
        })
    };
    for at in scene.open_tokens().filter(|at| scene.entity_at(*at).is_none()) {
        let (count, how) = match u.word(at) {
            "once" => (1.0, "times"),
            "twice" => (2.0, "times"),
            "thrice" => (3.0, "times"),
            "one" if !pointed(at) => (1.0, "one"),
            "pair" | "couple" | "duo" | "twosome" => (2.0, "group"),
            "trio" | "threesome" => (3.0, "group"),
            "foursome" | "quartet" => (4.0, "group"),
            "quintet" | "fivesome" => (5.0, "group"),
            "half-dozen" => (6.0, "group"),
            "dozen" => (12.0, "group"),
            _ => continue,
        };
        out.push(Candidate::new((at, at + 1), Kind::Number, how, values::number(count, param)));
    }
}

/// How far before its unit an amount may end: "half a kilo".
const UNIT_GAP: usize = 1;
/// Digits behind the point that a converted amount keeps.
const CONVERTED_PRECISION: f64 = 1e3;

/// "Half a kilo" where grams are wanted: amounts with a unit, in the unit of the parameter.
fn measures(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    let Some((dimension, one)) = param.plain.iter().chain(&param.about).find_map(|word| measure(word)) else {
        return;
    };
    for at in scene.open_tokens() {
        let Some((_, unit)) = measure(u.word(at)).filter(|(other, _)| *other == dimension) else {
            continue;
        };
        let amount = scene.entities().find_map(|entity| match entity.what {
            What::Number(count) if entity.to <= at && at - entity.to <= UNIT_GAP => Some((entity.from, count)),
            _ => None,
        });
        let amount = amount.or_else(|| {
            let before = at.checked_sub(1)?;
            match u.word(before) {
                "a" | "one" => Some((before, 1.0)),
                "half" => Some((before, 0.5)),
                "quarter" => Some((before, 0.25)),
                _ => None,
            }
        });
        let Some((from, count)) = amount else { continue };
        let value = (count * unit / one * CONVERTED_PRECISION).round() / CONVERTED_PRECISION;
        let how = if unit == one { "unit" } else { "converted" };
        out.push(Candidate::new((from, at + 1), Kind::Number, how, values::number(value, param)));
    }
}

/// "Into German" where a code is wanted.
fn languages(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let about = param.description.to_lowercase();
    if !["iso 639", "language code", "two-letter", "two letter"]
        .iter()
        .any(|hint| about.contains(hint))
    {
        return;
    }
    for at in scene.open_tokens() {
        if let Some(code) = language(scene.u.word(at)) {
            out.push(Candidate::new((at, at + 1), Kind::Option, "language", json!(code)));
        }
    }
}

/// "In euros": a currency without an amount.
fn currencies(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    for at in scene.open_tokens() {
        if let Some(code) = currency(scene.u.word(at)) {
            out.push(Candidate::new((at, at + 1), Kind::Option, "currency", option_or(param, code)));
        }
    }
}
