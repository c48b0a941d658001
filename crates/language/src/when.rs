//! Dates, times and durations in words and digits, relative to now.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::numbers::{in_words, ordinal};
use crate::tokens::{Shape, Token};

/// Something about time.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// A day.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// Both.
    DateTime(DateTime),
    /// From the first to the last day, both included.
    Range(Date, Date),
    /// Hours `[from, to)`: morning, afternoon, evening.
    Part(&'static str, i8, i8),
    /// A length: count and unit (`minutes`, `hours`, `days`, `nights`, `weeks`, `months`, `years`, `seconds`).
    Length(f64, &'static str),
}

/// Reads what begins at token `at`: the value and the number of tokens. `past` prefers days gone by where the year is open.
pub fn read(tokens: &[Token], at: usize, now: DateTime, past: bool) -> Option<(When, usize)> {
    if let Some(found) = crate::spans::read(tokens, at, now, past) {
        return Some(found);
    }
    let today = now.date();
    let token = tokens.get(at)?;
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    match token.shape {
        Shape::DateTime => return read_datetime(&token.text).map(|found| (When::DateTime(found), 1)),
        Shape::Date => return numeric_date(&token.text).map(|found| (When::Date(found), 1)),
        Shape::Clock => return clock(&token.lower, part_hint(tokens, at + 1)).map(|(time, extra)| (When::Time(time), 1 + extra)),
        _ => {}
    }
    if let Some(found) = length(tokens, at) {
        // "in 3 days", "2 weeks from now", "3 days ago" are dates
        let ((count, unit), used) = found;
        let after = (word(used), word(used + 1));
        let before = at.checked_sub(1).map_or("", |index| tokens[index].lower.as_str());
        let shifted = |sign: f64| shift(now, count * sign, unit);
        if after.0 == "ago" || after == ("in", "the") && word(used + 2) == "past" {
            return shifted(-1.0).map(|found| (found, used + 1));
        }
        if matches!(after, ("from", "now" | "today") | ("later", _) | ("time", _)) && (after.0 != "later" || at == 0) {
            return shifted(1.0).map(|found| (found, used + if after.0 == "from" { 2 } else { 1 }));
        }
        if before == "in" && !matches!(unit, "nights") {
            return shifted(1.0).map(|found| (found, used));
        }
        if matches!(before, "last" | "past" | "previous") && !matches!(unit, "minutes" | "hours" | "seconds") {
            return match shifted(-1.0)? {
                When::Date(from) => Some((When::Range(from, today), used)),
                _ => None,
            };
        }
        if matches!(before, "next" | "coming" | "following") && !matches!(unit, "minutes" | "hours" | "seconds") {
            return match shifted(1.0)? {
                When::Date(to) => Some((When::Range(today, to), used)),
                _ => None,
            };
        }
        return Some((When::Length(count, unit), used));
    }
    if token.shape == Shape::Ordinal || (token.shape == Shape::Word && ordinal(&token.lower).is_some()) {
        // "4th of December", "5th December", "on the 5th"
        if let Some(day) = ordinal(&token.lower).filter(|day| (1..=31).contains(day)) {
            let skip = usize::from(word(1) == "of");
            if let Some(month) = month(word(1 + skip)) {
                let (year, extra) = year_after(tokens, at + 2 + skip);
                return date_of(today, year, month, day as i8, past).map(|found| (When::Date(found), 2 + skip + extra));
            }
            let before = at.checked_sub(1).map_or("", |index| tokens[index].lower.as_str());
            let before2 = at.checked_sub(2).map_or("", |index| tokens[index].lower.as_str());
            if token.shape == Shape::Ordinal
                && before == "the"
                && matches!(before2, "on" | "for" | "by" | "until" | "from" | "to" | "till" | "of" | "and")
                && !noun_follows(tokens, at + 1)
            {
                return day_of_month(today, day as i8, past).map(|found| (When::Date(found), 1));
            }
        }
        if token.shape == Shape::Ordinal {
            return None;
        }
    }
    if token.shape == Shape::Number {
        // "4 December 2026", "4 Dec", "3 o'clock", "5 in the afternoon"
        // "at 7.30"
        let led = at
            .checked_sub(1)
            .is_some_and(|index| matches!(tokens[index].lower.as_str(), "at" | "until" | "till" | "from" | "by"));
        if led
            && let Some((hours, minutes)) = token.lower.split_once('.')
            && minutes.len() == 2
            && !matches!(word(1), "euros" | "dollars" | "pounds" | "percent" | "per" | "each" | "eur" | "usd")
            && let Some((time, _)) = clock(&format!("{hours}:{minutes}"), part_hint(tokens, at + 1))
        {
            return Some((When::Time(time), 1));
        }
        let value: i64 = token.lower.parse().ok()?;
        if (1..=31).contains(&value)
            && matches!(word(1), "-" | "–" | "to" | "and" | "until" | "till" | "through")
            && let Some(last) = word(2).parse::<i64>().ok().filter(|last| *last > value && *last <= 31)
            && let Some(month) = month(word(3))
        {
            // "between 2 and 5 July", "2-5 July 2026"
            let between = at.checked_sub(1).is_some_and(|index| tokens[index].lower == "between");
            let (year, extra) = year_after(tokens, at + 4);
            if (between || word(1) != "and")
                && let Some(first) = date_of(today, year, month, value as i8, past)
                && let Ok(last) = Date::new(first.year(), month, last as i8)
            {
                return Some((When::Range(first, last), 4 + extra));
            }
        }
        if (1..=31).contains(&value) {
            let skip = usize::from(word(1) == "of");
            if let Some(month) = month(word(1 + skip))
                .filter(|_| word(1) != "may" || skip == 1 || year_after(tokens, at + 2).0.is_some() || tokens[at + 1].text.starts_with('M'))
            {
                let (year, extra) = year_after(tokens, at + 2 + skip);
                return date_of(today, year, month, value as i8, past).map(|found| (When::Date(found), 2 + skip + extra));
            }
        }
        return bare_hour(tokens, at, value, 1);
    }
    if token.shape != Shape::Word {
        return None;
    }
    if let Some(found) = day_word(tokens, at, today, past) {
        return Some(found);
    }
    if let Some(month_number) = month(word(0)).filter(|_| word(0) != "may" && word(0) != "march" || token.text.starts_with('M')) {
        // "Dec 4", "December 4th, 2026", "December 2026"
        let skip = usize::from(word(1) == "the");
        let day = tokens.get(at + 1 + skip).and_then(|token| match token.shape {
            Shape::Number => token.lower.parse().ok(),
            Shape::Ordinal => ordinal(&token.lower).map(|day| day as i8),
            _ => None,
        });
        if let Some(day) = day.filter(|day| (1..=31).contains(day)) {
            let comma = usize::from(word(2 + skip) == ",");
            let (year, extra) = year_after(tokens, at + 2 + skip + comma);
            let used = 2 + skip + if extra > 0 { comma + extra } else { 0 };
            let first = date_of(today, year, month_number, day, past)?;
            // "Dec 4-8", "December 4 to 8"
            if extra == 0
                && matches!(word(2 + skip), "-" | "–" | "to" | "through" | "until")
                && let Some(last) = word(3 + skip).parse::<i8>().ok().filter(|last| *last > day && *last <= 31)
                && tokens.get(at + 4 + skip).is_none_or(|next| month(&next.lower).is_none())
                && let Ok(last) = Date::new(first.year(), month_number, last)
            {
                return Some((When::Range(first, last), 4 + skip));
            }
            return Some((When::Date(first), used));
        }
        let (year, extra) = year_after(tokens, at + 1);
        if extra > 0
            || !matches!(
                word(0),
                "may" | "march" | "mar" | "dec" | "jan" | "sep" | "oct" | "jun" | "april" | "june" | "august"
            )
            || at.checked_sub(1).is_some_and(|index| {
                matches!(
                    tokens[index].lower.as_str(),
                    "in" | "for"
                        | "last"
                        | "of"
                        | "this"
                        | "next"
                        | "during"
                        | "and"
                        | "or"
                        | "about"
                        | "meant"
                        | "mean"
                        | "till"
                        | "until"
                        | "from"
                        | "since"
                        | "to"
                )
            })
        {
            let mut first = Date::new(year.unwrap_or(today.year()), month_number, 1).ok()?;
            if year.is_none() && !past && first.last_of_month() < today {
                first = first.checked_add(1.year()).ok()?;
            }
            if year.is_none() && past && first > today {
                first = first.checked_sub(1.year()).ok()?;
            }
            return Some((When::Range(first, first.last_of_month()), 1 + extra));
        }
        return None;
    }
    time_word(tokens, at)
}

fn read_datetime(text: &str) -> Option<DateTime> {
    let text = text.replace(' ', "T");
    let cut = text
        .find('Z')
        .or_else(|| text[10..].find('+').map(|i| i + 10))
        .or_else(|| text[11..].find('-').map(|i| i + 11))
        .unwrap_or(text.len());
    text[..cut].parse().ok()
}

/// `2026-12-04`, `12/31/2026` (month first unless that is impossible), `31.12.2026` (day first).
fn numeric_date(text: &str) -> Option<Date> {
    let parts: Vec<i32> = text.split(['-', '/', '.']).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [a, b, c] = parts[..] else { return None };
    let (year, month, day) = if a > 31 {
        (a, b, c)
    } else {
        let year = if c < 100 { 2000 + c } else { c };
        if text.contains('.') || a > 12 { (year, b, a) } else { (year, a, b) }
    };
    Date::new(year as i16, month as i8, day as i8).ok()
}

fn clock(text: &str, part: Option<i8>) -> Option<(Time, usize)> {
    let half = if text.contains('p') {
        Some(12)
    } else if text.contains('a') {
        Some(0)
    } else {
        None
    };
    let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || matches!(c, ':' | '.')).collect();
    let mut parts = digits.split([':', '.']).filter(|part| !part.is_empty());
    let mut hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let second: i8 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    if let Some(half) = half {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + half;
    } else if part == Some(12) && hour < 12 {
        hour += 12;
    }
    Time::new(hour, minute, second, 0).ok().map(|time| (time, 0))
}

/// "in the afternoon", "tonight" behind a time: 12 for the second half of the day, 0 for the first.
fn part_hint(tokens: &[Token], at: usize) -> Option<i8> {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    let part = match (word(0), word(1)) {
        ("in", "the") => word(2),
        ("at", "night") => "night",
        ("o'clock", "in") if word(2) == "the" => word(3),
        ("tonight", _) => "evening",
        ("tomorrow" | "this" | "today", part) => part,
        (day, part) if weekday(day).is_some() => part,
        _ => "",
    };
    match part {
        "morning" => Some(0),
        "afternoon" | "evening" | "night" => Some(12),
        _ => None,
    }
}

/// An hour without minutes: "at 4", "3 o'clock", "4 in the afternoon". Hours 1 to 7 without a hint are after noon.
fn bare_hour(tokens: &[Token], at: usize, value: i64, used: usize) -> Option<(When, usize)> {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    let before = at.checked_sub(1).map_or("", |index| tokens[index].lower.as_str());
    if !(0..=23).contains(&value) {
        return None;
    }
    let oclock = word(used) == "o'clock" || word(used) == "oclock";
    let hint = part_hint(tokens, at + used + usize::from(oclock)).or_else(|| part_before(tokens, at));
    let next = tokens.get(at + used);
    let alone = next.is_none_or(|next| {
        next.shape == Shape::Punct
            || matches!(
                next.lower.as_str(),
                "for"
                    | "on"
                    | "in"
                    | "to"
                    | "with"
                    | "until"
                    | "and"
                    | "or"
                    | "please"
                    | "tomorrow"
                    | "today"
                    | "tonight"
                    | "this"
                    | "next"
                    | "instead"
                    | "at"
                    | "under"
                    | "then"
                    | "sharp"
                    | "by"
                    | "about"
                    | "called"
                    | "titled"
            )
            || weekday(&next.lower).is_some()
    });
    let at_hour =
        matches!(before, "at" | "around" | "till" | "until" | "by") && alone && (before != "by" && before != "around" || hint.is_some());
    // "from 9 to 10:30", "from 3 to 4 pm"
    let until = tokens.get(at + used + 1).filter(|next| {
        matches!(before, "from" | "between")
            && matches!(word(used), "to" | "until" | "till" | "and" | "-" | "–")
            && next.shape == Shape::Clock
    });
    if let Some((last, _)) = until.and_then(|next| clock(&next.lower, part_hint(tokens, at + used + 2))) {
        let value = value as i8;
        let hour = if value + 12 <= last.hour() { value + 12 } else { value };
        return Time::new(hour.min(23), 0, 0, 0).ok().map(|time| (When::Time(time), used));
    }
    if !(oclock || at_hour || (hint.is_some() && matches!(word(used), "in" | "at") && alone)) {
        return None;
    }
    let hour = match hint {
        Some(12) if value < 12 => value + 12,
        Some(_) => value,
        None if (1..=7).contains(&value) => value + 12,
        None => value,
    };
    let tail = if oclock { used + 1 } else { used };
    let tail = if word(tail) == "in" && word(tail + 1) == "the" && hint.is_some() {
        tail + 3
    } else if word(tail) == "at" && word(tail + 1) == "night" {
        tail + 2
    } else {
        tail
    };
    Time::new(hour as i8, 0, 0, 0).ok().map(|time| (When::Time(time), tail))
}

/// "tomorrow afternoon at 4", "tonight at 8".
fn part_before(tokens: &[Token], at: usize) -> Option<i8> {
    let from = at.saturating_sub(4);
    tokens[from..at].iter().rev().find_map(|token| match token.lower.as_str() {
        "morning" => Some(0),
        "afternoon" | "evening" | "night" | "tonight" => Some(12),
        _ => None,
    })
}

fn time_word(tokens: &[Token], at: usize) -> Option<(When, usize)> {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    match word(0) {
        "noon" | "midday" => return Some((When::Time(Time::constant(12, 0, 0, 0)), 1)),
        "midnight" => return Some((When::Time(Time::constant(0, 0, 0, 0)), 1)),
        "morning" => return Some((When::Part("morning", 5, 12), 1)),
        "afternoon" => return Some((When::Part("afternoon", 12, 18), 1)),
        "evening" | "night" => return Some((When::Part("evening", 17, 24), 1)),
        // British: half past six
        "half"
            if word(1) != "a"
                && small_number(tokens, at + 1).is_some_and(|(hour, _)| (1..=12).contains(&hour))
                && !matches!(
                    tokens.get(at + 2).map_or("", |token| token.lower.as_str()),
                    "hours" | "hour" | "minutes" | "kilos" | "price"
                ) =>
        {
            let (hour, used) = small_number(tokens, at + 1)?;
            return named_time(tokens, at, hour, 30, 1 + used);
        }
        "half" | "quarter" if matches!(word(1), "past" | "to") => {
            let (hour, used) = small_number(tokens, at + 2)?;
            let minutes = match (word(0), word(1)) {
                ("half", "past") => 30,
                ("quarter", "past") => 15,
                ("quarter", "to") => -15,
                _ => return None,
            };
            return named_time(tokens, at, hour, minutes, 2 + used);
        }
        _ => {}
    }
    let (value, used) = small_number(tokens, at)?;
    if matches!(word(used), "past" | "to")
        && value <= 30
        && let Some((hour, more)) = small_number(tokens, at + used + 1)
        && (word(used) == "past" || at.checked_sub(1).is_some_and(|index| tokens[index].lower == "at"))
    {
        let minutes = if word(used) == "past" { value } else { -value };
        return named_time(tokens, at, hour, minutes, used + 1 + more);
    }
    if matches!(word(used), "pm" | "am" | "p.m" | "a.m") && (1..=12).contains(&value) {
        let hour = value % 12 + if word(used).starts_with('p') { 12 } else { 0 };
        return Time::new(hour as i8, 0, 0, 0).ok().map(|time| (When::Time(time), used + 1));
    }
    // "three thirty"
    if at.checked_sub(1).is_some_and(|index| tokens[index].lower == "at")
        && (1..=12).contains(&value)
        && let Some((minutes, more)) = small_number(tokens, at + used).filter(|(minutes, _)| (10..60).contains(minutes))
    {
        return named_time(tokens, at, value, minutes, used + more);
    }
    bare_hour(tokens, at, value, used)
}

fn named_time(tokens: &[Token], at: usize, hour: i64, minutes: i64, used: usize) -> Option<(When, usize)> {
    let next = tokens.get(at + used).map_or("", |token| token.lower.as_str());
    let (suffix, extra) = match next {
        "pm" => (Some(12), 1),
        "am" => (Some(0), 1),
        _ => (None, 0),
    };
    let hint = suffix.or_else(|| part_hint(tokens, at + used)).or_else(|| part_before(tokens, at));
    let hour = match hint {
        Some(12) if hour < 12 => hour + 12,
        Some(_) => hour,
        None if (1..=7).contains(&hour) => hour + 12,
        None => hour,
    };
    let total = hour * 60 + minutes;
    Time::new(i8::try_from(total / 60).ok()?, (total % 60) as i8, 0, 0)
        .ok()
        .map(|time| (When::Time(time), used + extra))
}

fn small_number(tokens: &[Token], at: usize) -> Option<(i64, usize)> {
    let token = tokens.get(at)?;
    if token.shape == Shape::Number {
        return token.lower.parse().ok().map(|value| (value, 1));
    }
    let words: Vec<&str> = tokens.iter().skip(at).take(2).map(|token| token.lower.as_str()).collect();
    in_words(&words)
        .filter(|(value, _)| *value < 60.0)
        .map(|(value, used)| (value as i64, used))
}

/// "Christmas Eve", "New Year's Day": feasts that have the same date every year.
fn feast(tokens: &[Token], at: usize) -> Option<(i8, i8, usize)> {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    Some(match (word(0), word(1)) {
        ("christmas" | "xmas", "eve") => (12, 24, 2),
        ("christmas" | "xmas", "day") => (12, 25, 2),
        ("christmas" | "xmas", "") => (12, 25, 1),
        ("boxing", "day") => (12, 26, 2),
        ("new", "year's" | "years") if word(2) == "eve" => (12, 31, 3),
        ("new", "year's" | "years") if word(2) == "day" => (1, 1, 3),
        ("valentine's" | "valentines" | "valentine", "day") => (2, 14, 2),
        ("halloween", _) => (10, 31, 1),
        _ => return None,
    })
}

fn day_word(tokens: &[Token], at: usize, today: Date, past: bool) -> Option<(When, usize)> {
    let word = |offset: usize| {
        let word = tokens.get(at + offset).map_or("", |token| token.lower.as_str());
        // "last month's"
        if offset > 0 { word.trim_end_matches("'s") } else { word }
    };
    let plus = |days: i32| today.checked_add(days.days()).ok();
    let one = |days: i32, used: usize| plus(days).map(|date| (When::Date(date), used));
    match (word(0), word(1)) {
        ("today" | "tonight", _) => return one(0, 1),
        ("tomorrow" | "tmrw" | "tomorow" | "tommorow" | "tomorrow's", _) => return one(1, 1),
        ("yesterday" | "yesterday's", _) => return one(-1, 1),
        ("today's", _) => return one(0, 1),
        ("day", "after") if word(2) == "tomorrow" => return one(2, 3),
        ("day", "before") if word(2) == "yesterday" => return one(-2, 3),
        ("overmorrow", _) => return one(2, 1),
        _ => {}
    }
    if let Some((month, day, used)) = feast(tokens, at) {
        return date_of(today, None, month, day, past).map(|date| (When::Date(date), used));
    }
    let monday = plus(-i32::from(today.weekday().to_monday_zero_offset()))?;
    let week = |weeks: i32| monday.checked_add((weeks * 7).days()).ok();
    let span = |first: Date, days: i32| first.checked_add(days.days()).ok().map(|last| (When::Range(first, last), 2));
    match (word(0), word(1)) {
        ("this", "morning" | "afternoon" | "evening") => {
            // with an hour behind it, it only says which half of the day
            let hour = tokens
                .get(at + 2)
                .is_some_and(|next| next.lower == "at" || next.shape == Shape::Clock);
            return one(0, if hour { 1 } else { 2 });
        }
        ("next" | "following" | "coming", "week") => {
            // "next week Tuesday" and "Tuesday next week" name a day
            if let Some(day) = weekday(word(2)) {
                return week(1)?
                    .checked_add(i32::from(day.to_monday_zero_offset()).days())
                    .ok()
                    .map(|date| (When::Date(date), 3));
            }
            return span(week(1)?, 6);
        }
        ("this", "week") => return span(week(0)?, 6),
        ("last" | "past" | "previous", "week") => return span(week(-1)?, 6),
        ("this" | "the" | "coming", "weekend") => return span(week(0)?.checked_add(5.days()).ok()?, 1),
        ("next", "weekend") => return span(week(1)?.checked_add(5.days()).ok()?, 1),
        ("last", "weekend") => return span(week(-1)?.checked_add(5.days()).ok()?, 1),
        ("this", "month") => return Some((When::Range(today.first_of_month(), today.last_of_month()), 2)),
        ("next" | "last" | "previous" | "past", "month") => {
            let sign = if word(0) == "next" { 1 } else { -1 };
            let first = today.first_of_month().checked_add(sign.months()).ok()?;
            return Some((When::Range(first, first.last_of_month()), 2));
        }
        ("this", "year") => {
            return Some((
                When::Range(Date::new(today.year(), 1, 1).ok()?, Date::new(today.year(), 12, 31).ok()?),
                2,
            ));
        }
        ("last" | "next" | "previous", "year") => {
            let year = today.year() + if word(0) == "next" { 1 } else { -1 };
            return Some((When::Range(Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?), 2));
        }
        ("end", "of") => {
            let skip = usize::from(matches!(word(2), "the" | "this"));
            match word(2 + skip) {
                "month" => return Some((When::Date(today.last_of_month()), 3 + skip)),
                "week" => return Some((When::Date(week(0)?.checked_add(4.days()).ok()?), 3 + skip)),
                "year" => return Some((When::Date(Date::new(today.year(), 12, 31).ok()?), 3 + skip)),
                _ => {}
            }
        }
        _ => {}
    }
    let (lead, name, used) = match weekday(word(0)) {
        Some(day) => ("", day, 1),
        None => (word(0), weekday(word(1))?, 2),
    };
    if used == 1 && matches!(word(0), "sun" | "sat" | "wed" | "mon" | "fri") && !tokens[at].text.starts_with(|c: char| c.is_uppercase()) {
        return None;
    }
    let ahead = (i32::from(name.to_monday_zero_offset()) - i32::from(today.weekday().to_monday_zero_offset())).rem_euclid(7);
    let ahead = if ahead == 0 { 7 } else { ahead };
    let same_week = i32::from(name.to_monday_zero_offset()) > i32::from(today.weekday().to_monday_zero_offset());
    let days = match lead {
        "" | "this" | "coming" | "upcoming" => {
            if used == 1 && matches!((word(1), word(2)), ("next", "week")) {
                return week(1)?
                    .checked_add(i32::from(name.to_monday_zero_offset()).days())
                    .ok()
                    .map(|date| (When::Date(date), 3));
            }
            ahead
        }
        "next" if same_week => ahead + 7,
        "next" => ahead,
        "last" | "past" | "previous" => ahead - 7,
        _ => return None,
    };
    // "Friday, December 4": the date behind says it better
    let date = plus(days)?;
    let comma = usize::from(word(used) == ",");
    let skip = usize::from(word(used + comma) == "the");
    let next = tokens.get(at + used + comma + skip);
    if next.is_some_and(|next| next.shape == Shape::Date || month(&next.lower).is_some() || next.shape == Shape::Ordinal)
        && let Some((When::Date(exact), more)) = read_after_weekday(tokens, at + used + comma + skip, today, past)
    {
        return Some((When::Date(exact), used + comma + skip + more));
    }
    Some((When::Date(date), used))
}

/// "On Thursday" was read as the one to come: the one before.
pub(crate) fn weekday_before(tokens: &[Token], at: usize, found: &When, used: usize) -> Option<When> {
    let When::Date(date) = found else { return None };
    (used == 1 && weekday(&tokens[at].lower).is_some())
        .then(|| date.checked_sub(7.days()).ok().map(When::Date))
        .flatten()
}

fn read_after_weekday(tokens: &[Token], at: usize, today: Date, past: bool) -> Option<(When, usize)> {
    if tokens[at].shape == Shape::Ordinal
        && month(tokens.get(at + 1).map_or("", |t| t.lower.as_str())).is_none()
        && tokens.get(at + 1).is_none_or(|t| t.lower != "of")
    {
        let day = ordinal(&tokens[at].lower)?;
        return day_of_month(today, i8::try_from(day).ok()?, past).map(|date| (When::Date(date), 1));
    }
    read(tokens, at, today.at(0, 0, 0, 0), past)
}

/// The weekday of a name.
pub fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.trim_end_matches("'s") {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" | "thur" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// The number of a month's name.
pub fn month(word: &str) -> Option<i8> {
    Some(match word.trim_end_matches("'s") {
        "january" | "jan" => 1,
        "february" | "feb" => 2,
        "march" | "mar" => 3,
        "april" | "apr" => 4,
        "may" => 5,
        "june" | "jun" => 6,
        "july" | "jul" => 7,
        "august" | "aug" => 8,
        "september" | "sep" | "sept" => 9,
        "october" | "oct" => 10,
        "november" | "nov" => 11,
        "december" | "dec" => 12,
        _ => return None,
    })
}

/// Whether the word names a day or a month: never a person or a place.
pub fn is_calendar_word(word: &str) -> bool {
    weekday(word).is_some() || month(word).is_some() || matches!(word, "today" | "tomorrow" | "tonight" | "yesterday" | "noon" | "midnight")
}

fn year_after(tokens: &[Token], at: usize) -> (Option<i16>, usize) {
    let comma = usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
    match tokens.get(at + comma) {
        Some(token) if token.shape == Shape::Number && token.text.len() == 4 => {
            (token.text.parse().ok().filter(|year| (1900..2200).contains(year)), 1 + comma)
        }
        _ => (None, 0),
    }
}

/// The day in the year that is meant when none was said: the next one, or the last one for what is past. Nobody who speaks of the past in
/// November means the first of December of the year before.
pub(crate) fn date_of(today: Date, year: Option<i16>, month: i8, day: i8, past: bool) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let this = Date::new(today.year(), month, day).ok()?;
    let ahead = this.since(today).map_or(0, |span| span.get_days());
    match past {
        false if this < today => Date::new(today.year() + 1, month, day).ok(),
        true if this > today && ahead > SOON_DAYS => Date::new(today.year() - 1, month, day).ok(),
        _ => Some(this),
    }
}

/// Days ahead that are meant although the sentence is about the past.
const SOON_DAYS: i32 = 62;

fn day_of_month(today: Date, day: i8, past: bool) -> Option<Date> {
    let this = Date::new(today.year(), today.month(), day).ok();
    match this {
        Some(date) if !past && date >= today || past && date <= today => Some(date),
        _ => {
            let month = today.first_of_month().checked_add(if past { -1 } else { 1 }.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok()
        }
    }
}

fn noun_follows(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| {
        token.shape == Shape::Word && !crate::words::is_stop(&token.lower) && !is_calendar_word(&token.lower) && token.lower != "floor"
    })
}

/// A length of time that begins at `at`, whatever stands before it: its count, its unit and how many tokens it takes.
pub fn length_at(tokens: &[Token], at: usize) -> Option<(When, usize)> {
    length(tokens, at).map(|((count, unit), used)| (When::Length(count, unit), used))
}

/// "3 days", "two hours", "half an hour", "a week", "an hour and a half".
fn length(tokens: &[Token], at: usize) -> Option<((f64, &'static str), usize)> {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    if word(0) == "half" && word(1) == "an" && word(2) == "hour" {
        return Some(((30.0, "minutes"), 3));
    }
    if word(0) == "half" && matches!(word(1), "a" | "an") {
        return unit(word(2)).map(|unit| ((0.5, unit), 3));
    }
    if matches!(word(0), "a" | "one") && matches!(word(1), "whole" | "full" | "entire" | "single" | "further") {
        return unit(word(2)).map(|unit| ((1.0, unit), 3));
    }
    if word(0) == "quarter" && word(1) == "of" && word(2) == "an" && word(3) == "hour" {
        return Some(((15.0, "minutes"), 4));
    }
    if matches!(word(0), "a" | "one") && word(1) == "and" && word(2) == "a" && word(3) == "half" {
        return unit(word(4)).map(|unit| ((1.5, unit), 5));
    }
    if word(0) == "fortnight" || word(0) == "a" && word(1) == "fortnight" {
        return Some(((2.0, "weeks"), 1 + usize::from(word(0) == "a")));
    }
    if word(0) == "half" && word(1) == "hour" {
        return Some(((30.0, "minutes"), 2));
    }
    if word(0) == "half" && word(1) == "year" {
        return Some(((6.0, "months"), 2));
    }
    match word(0) {
        "half-hour" => return Some(((30.0, "minutes"), 1)),
        "half-day" => return Some(((0.5, "days"), 1)),
        _ => {}
    }
    let (count, used) = if matches!(word(0), "a" | "an") && unit(word(1)).is_some() {
        if word(1) == "day" && word(2) == "off" || at > 0 && matches!(tokens[at - 1].lower.as_str(), "times" | "once" | "twice") {
            return None;
        }
        (1.0, 1)
    } else if matches!(word(0), "a") && word(1) == "couple" && word(2) == "of" {
        (2.0, 3)
    } else if tokens[at].shape == Shape::Number {
        (crate::numbers::in_digits(&tokens[at].text)?, 1)
    } else if tokens[at].shape == Shape::Word {
        let words: Vec<&str> = tokens.iter().skip(at).take(5).map(|token| token.lower.as_str()).collect();
        in_words(&words)?
    } else {
        return None;
    };
    let dash = usize::from(word(used) == "-");
    let skip = dash
        + usize::from(matches!(
            word(used + dash),
            "more" | "full" | "business" | "working" | "calendar" | "additional" | "extra"
        ));
    let unit = unit(word(used + skip))?;
    if word(used + skip + 1) == "and" && word(used + skip + 2) == "a" && word(used + skip + 3) == "half" {
        return Some(((count + 0.5, unit), used + skip + 4));
    }
    Some(((count, unit), used + skip + 1))
}

pub(crate) fn unit(word: &str) -> Option<&'static str> {
    // "half an hour's walk"
    Some(
        match word
            .trim_end_matches(&['\'', '’'][..])
            .trim_end_matches("'s")
            .trim_end_matches("’s")
        {
            "second" | "seconds" | "sec" | "secs" | "s" => "seconds",
            "minute" | "minutes" | "min" | "mins" => "minutes",
            "hour" | "hours" | "hr" | "hrs" => "hours",
            "day" | "days" => "days",
            "night" | "nights" => "nights",
            "week" | "weeks" => "weeks",
            "month" | "months" => "months",
            "year" | "years" => "years",
            _ => return None,
        },
    )
}

fn shift(now: DateTime, count: f64, unit: &str) -> Option<When> {
    if count.abs() > 10_000.0 {
        return None;
    }
    let whole = count as i64;
    let date = now.date();
    let date = match unit {
        "days" | "nights" => date.checked_add(whole.days()),
        "weeks" => date.checked_add((whole * 7).days()),
        "months" => date.checked_add(whole.months()),
        "years" => date.checked_add(whole.years()),
        _ => {
            let factor = match unit {
                "hours" => 60.0,
                "minutes" => 1.0,
                _ => 1.0 / 60.0,
            };
            let minutes = (count * factor) as i64;
            return now.checked_add(minutes.minutes()).ok().map(When::DateTime);
        }
    };
    date.ok().map(When::Date)
}
