//! The value itself: days that are past or to come, years, and what a number counts or compares.

use serde_json::Value;

use super::Facts;
use super::grades::{bucket, size, type_name, when};
use super::place::Weighed;
use crate::schema::{Param, Type};
use crate::segment::Kind;
use crate::values::{is_month, tense};

/// How far behind a number the word for what it counts may stand: "four more adult guests".
const COUNTED_GAP: usize = 3;
/// How far before a number a word that compares may stand: "at least about 4".
const COMPARED_GAP: usize = 3;
/// What a word of the description counts for, where a word of the name counts 1.
const ABOUT_SHARE: f64 = 0.7;
/// Length of `2026-11-21`.
const DAY_CHARS: usize = 10;
/// Whole numbers that are likely years.
const YEARS: std::ops::Range<f64> = 1900.0..2100.0;

impl Weighed<'_> {
    /// Is the day past or to come, and which of the two does the parameter want?
    pub(super) fn day(&self, facts: &mut Facts) {
        let how = self.c.how;
        let Some(Value::String(text)) = &self.c.value else { return };
        if !matches!(self.c.kind, Kind::Date | Kind::DateTime | Kind::Range | Kind::Joined) {
            return;
        }
        let tool = self.sheet.scene.tool;
        let today = self.sheet.scene.now.date().to_string();
        let length = text.len().min(DAY_CHARS);
        let iso = text.as_bytes().get(4) == Some(&b'-');
        let day = if !iso {
            "?"
        } else if text.get(..length).unwrap_or("") < &today[..length] {
            "past"
        } else {
            "coming"
        };
        let tense = match tense(self.param, &tool.verbs) {
            Some(true) => "past",
            Some(false) => "coming",
            None => "?",
        };
        let reads = if tool.reads { "reads" } else { "writes" };
        // a day of next year is seldom meant by a month and a day alone
        let days = text
            .get(..length)
            .and_then(|text| text.parse::<jiff::civil::Date>().ok())
            .and_then(|date| self.sheet.scene.now.date().until(date).ok())
            .map_or(0, |span| span.get_days());
        let far = far(days);
        facts.add(&["day+far", far, how]);
        facts.add(&["day+far", far, tense, how]);
        facts.add(&["day+far", far, reads, how]);
        facts.add(&["day+far", far, self.head, how]);
        let introduced = self.sheet.preposition(self.c.from, self.region);
        let told = when(self.sheet.scene.u.past, "told");
        facts.add(&["day+told", day, told, self.c.how]);
        facts.add(&["day+told", day, told, tense]);
        facts.add(&["day+prep", day, introduced, self.c.how]);
        facts.add(&["day+prep", day, introduced, reads]);
        facts.add(&["day", day, tense, how]);
        facts.add(&["day", day, reads, how]);
        facts.add(&["day", day, tense, reads]);
        facts.add(&["day+month", day, reads, when(is_month(self.param), "month"), how]);
        facts.add(&["day+head", day, self.head]);
    }

    /// Is the number a year, and is a year wanted?
    pub(super) fn year(&self, facts: &mut Facts) {
        let Some(number) = self.c.value.as_ref().and_then(Value::as_f64) else {
            return;
        };
        if !matches!(self.c.kind, Kind::Range | Kind::Number) {
            return;
        }
        let param = self.param;
        let like = YEARS.contains(&number) && number.fract() == 0.0;
        let wanted = param.is_any(&["year", "vintage"]) || param.about.iter().any(|word| word == "year");
        facts.add(&["year", when(like, "like"), when(wanted, "wanted")]);
    }

    /// What does the number count?
    pub(super) fn counted(&self, facts: &mut Facts) {
        if !matches!(self.c.kind, Kind::Number | Kind::Length | Kind::Money | Kind::Percent) {
            return;
        }
        let (sheet, c, kind, role) = (self.sheet, self.c, self.kind, self.role);
        if c.kind == Kind::Number {
            // "20239982", "07700900872": more likely an id or a telephone than a count
            let said = sheet.scene.u.slice(c.from, c.to);
            let digits = size(said.chars().filter(char::is_ascii_digit).count());
            let zero = when(said.starts_with('0') && said.len() > 1, "zero");
            facts.add(&["digits", digits, zero, role]);
            facts.add(&["digits", digits, zero, type_name(self.param.items)]);
            facts.add(&["digits", digits, self.head]);
        }
        let noun =
            (c.to..(c.to + COUNTED_GAP).min(self.region.1)).find(|at| sheet.tags[*at].contains('n') || sheet.tags[*at].starts_with('u'));
        let near = |row: &[f64]| noun.map_or(0.0, |at| row[at]);
        let of = |p: usize| near(&sheet.name[p]).max(ABOUT_SHARE * near(&sheet.about[p]));
        let own = bucket(of(self.p));
        let other = self
            .others()
            .filter(|(_, other)| matches!(other.items, Type::Integer | Type::Number))
            .map(|(other, _)| of(other))
            .fold(0.0, f64::max);
        facts.add(&["counts", own, kind, role]);
        facts.add(&["counts+rival", own, bucket(other)]);
        facts.add(&["counts+tool", bucket(near(&sheet.tool)), kind, role]);
        let number = c.value.as_ref().and_then(Value::as_f64);
        let fraction = number.is_some_and(|value| value.fract() != 0.0);
        facts.add(&["fraction", when(fraction, "yes"), role, type_name(self.param.items)]);
        let words: Vec<&str> = std::iter::once(sheet.preposition(c.from, self.region))
            .chain(
                (1..=COMPARED_GAP)
                    .filter_map(|gap| c.from.checked_sub(gap))
                    .map(|at| sheet.scene.u.word(at)),
            )
            .collect();
        facts.add(&["comparison", comparison(&words, self.param)]);
        let money = sheet
            .scene
            .entities()
            .filter(|entity| Kind::of(&entity.what) == Kind::Money)
            .count();
        facts.add(&["money", size(money), kind, role]);
    }
}

/// Whether a number is said to be the least or the most there may be, as the parameter wants it.
fn comparison(words: &[&str], param: &Param) -> &'static str {
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let low = has(&[
        "over", "above", "least", "minimum", "more", "min", "exceed", "beyond", "greater", "from", "after", "since",
    ]);
    let high = has(&[
        "under", "below", "most", "maximum", "less", "max", "up", "within", "cheaper", "budget", "fewer", "until", "before",
    ]);
    let is_low = param.is_any(&["min", "minimum", "lower", "least", "from", "after"]);
    let is_high = param.is_any(&["max", "maximum", "upper", "budget", "limit", "ceil", "until", "before", "to"]);
    match (low, high) {
        (true, _) if is_low => "fits",
        (true, _) if is_high => "against",
        (_, true) if is_high => "fits",
        (_, true) if is_low => "against",
        (false, false) if is_low || is_high => "wanted",
        (false, false) => "",
        _ => "said",
    }
}

/// How many days ahead, or gone by, roughly.
fn far(days: i32) -> &'static str {
    match days {
        0 => "today",
        1..=14 => "soon",
        15..=60 => "weeks",
        61..=200 => "months",
        201.. => "year",
        -14..=-1 => "-soon",
        -60..=-15 => "-weeks",
        -200..=-61 => "-months",
        _ => "-year",
    }
}
