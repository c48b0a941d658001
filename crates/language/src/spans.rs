//! Dates and lengths that are said in several parts: "a week on Tuesday", "the first Monday of next month", "two and a half hours".
//!
//! [`crate::when::read`] asks here first; what one word or one number says stays there.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};

use crate::numbers::{in_digits, in_words, ordinal};
use crate::tokens::{Shape, Token};
use crate::when::{self, When, month, weekday};

/// The tokens from one on.
struct Said<'a> {
    tokens: &'a [Token],
    at: usize,
    now: DateTime,
    past: bool,
}

/// Reads what begins at token `at`, when it is said in several parts.
pub(crate) fn read(tokens: &[Token], at: usize, now: DateTime, past: bool) -> Option<(When, usize)> {
    let said = Said { tokens, at, now, past };
    said.short_date()
        .or_else(|| said.day_range())
        .or_else(|| said.shifted())
        .or_else(|| said.week_later())
        .or_else(|| said.nth_weekday())
        .or_else(|| said.day_of())
        .or_else(|| said.edge())
        .or_else(|| said.clock())
        .or_else(|| said.long())
}

impl Said<'_> {
    fn word(&self, offset: usize) -> &str {
        self.tokens.get(self.at + offset).map_or("", |token| token.lower.as_str())
    }

    fn shape(&self, offset: usize) -> Option<Shape> {
        self.tokens.get(self.at + offset).map(|token| token.shape)
    }

    fn before(&self, back: usize) -> &str {
        self.at.checked_sub(back).map_or("", |at| self.tokens[at].lower.as_str())
    }

    fn today(&self) -> Date {
        self.now.date()
    }

    /// The position that one or two words name: "third", "3rd", "twenty-first", "twenty first"; and the words it took.
    fn position(&self, offset: usize) -> Option<(i64, usize)> {
        let tens = match self.word(offset) {
            "twenty" => 20,
            "thirty" => 30,
            _ => 0,
        };
        if tens > 0
            && let Some(ones) = ordinal(self.word(offset + 1)).filter(|ones| (1..10).contains(ones))
            && self.shape(offset + 1) == Some(Shape::Word)
        {
            return Some((tens + ones, 2));
        }
        ordinal(self.word(offset)).map(|found| (found, 1))
    }

    /// The month at `offset`, as its first day: "December", "December 2027", "next month", "this month", "the month"; and the words it took.
    fn month(&self, offset: usize) -> Option<(Date, usize)> {
        let first = self.today().first_of_month();
        let led = usize::from(self.word(offset) == "the");
        match (self.word(offset + led), self.word(offset + led + 1)) {
            ("next" | "coming" | "following", "month") => return first.checked_add(1.months()).ok().map(|date| (date, led + 2)),
            ("last" | "previous" | "past", "month") => return first.checked_sub(1.months()).ok().map(|date| (date, led + 2)),
            ("this" | "current", "month") => return Some((first, led + 2)),
            ("month", _) if led == 1 => return Some((first, 2)),
            _ => {}
        }
        let number = month(self.word(offset))?;
        let year = self
            .tokens
            .get(self.at + offset + 1)
            .filter(|token| token.shape == Shape::Number && token.text.len() == 4);
        if let Some(year) = year
            .and_then(|token| token.text.parse::<i16>().ok())
            .filter(|year| (1900..2200).contains(year))
        {
            return Date::new(year, number, 1).ok().map(|date| (date, 2));
        }
        let this = Date::new(self.today().year(), number, 1).ok()?;
        let date = match (self.past, this < first) {
            (false, true) => this.checked_add(1.years()).ok()?,
            (true, false) if this > first => this.checked_sub(1.years()).ok()?,
            _ => this,
        };
        Some((date, 1))
    }

    /// "on 28/11", "by 11/28".
    fn short_date(&self) -> Option<(When, usize)> {
        if self.shape(0)? != Shape::Id || !leads_to_a_day(self.before(1)) && !(self.before(1) == "the" && leads_to_a_day(self.before(2))) {
            return None;
        }
        let (first, second) = self.word(0).split_once('/')?;
        let (first, second): (i8, i8) = (first.parse().ok()?, second.parse().ok()?);
        let (month, day) = if first > 12 { (second, first) } else { (first, second) };
        self.open_year(month, day).map(|date| (When::Date(date), 1))
    }

    fn open_year(&self, month: i8, day: i8) -> Option<Date> {
        when::date_of(self.today(), None, month, day, self.past)
    }

    /// "1-5 December", "between the 10th and the 12th of December".
    fn day_range(&self) -> Option<(When, usize)> {
        if self.shape(0)? == Shape::Id {
            let (first, last) = self.word(0).split_once(['-', '–'])?;
            let (first, last): (i8, i8) = (first.parse().ok()?, last.parse().ok()?);
            let skip = usize::from(self.word(1) == "of");
            let (start, used) = self.month(1 + skip).filter(|_| first < last)?;
            let first = self
                .open_year(start.month(), first)
                .filter(|_| used == 1)
                .or_else(|| Date::new(start.year(), start.month(), first).ok())?;
            let last = Date::new(first.year(), first.month(), last).ok()?;
            return Some((When::Range(first, last), 1 + skip + used));
        }
        if self.before(1) != "the" || self.before(2) != "between" || self.shape(0)? != Shape::Ordinal {
            return None;
        }
        let day = i8::try_from(self.position(0)?.0).ok()?;
        let (last, _) =
            when::read(self.tokens, self.at + 3, self.now, self.past).filter(|_| (self.word(1), self.word(2)) == ("and", "the"))?;
        let When::Date(last) = last else { return None };
        let first = Date::new(last.year(), last.month(), day).ok().filter(|first| *first <= last)?;
        Some((When::Date(first), 1))
    }

    /// "a week on Tuesday", "two weeks from tomorrow", "three days after the 4th", "a week today".
    fn shifted(&self) -> Option<(When, usize)> {
        let (count, unit, used) = self.count()?;
        if self.before(1) == "for" {
            return None;
        }
        let sign = match self.word(used) {
            "on" if unit == "weeks" && weekday(self.word(used + 1)).is_some() => 1,
            "today" | "tomorrow" if unit == "weeks" => 1,
            "from" | "after" if unit != "nights" && !matches!(self.word(used + 1), "now" | "today") => 1,
            "before" => -1,
            _ => return None,
        };
        let skip = usize::from(!matches!(self.word(used), "today" | "tomorrow"));
        let skip = skip + usize::from(skip == 1 && self.word(used + 1) == "the");
        let (base, more) = when::read(self.tokens, self.at + used + skip, self.now, self.past)?;
        let When::Date(base) = base else { return None };
        let count = count * sign;
        let date = match unit {
            "days" | "nights" => base.checked_add(count.days()),
            "weeks" => base.checked_add((count * 7).days()),
            "months" => base.checked_add(count.months()),
            "years" => base.checked_add(count.years()),
            _ => return None,
        };
        date.ok().map(|date| (When::Date(date), used + skip + more))
    }

    /// A whole number of days or more: "two weeks", "a fortnight".
    fn count(&self) -> Option<(i64, &'static str, usize)> {
        let (count, used) = match self.word(0) {
            "a" | "an" | "one" => (1, 1),
            "fortnight" => return Some((2, "weeks", 1)),
            _ if self.shape(0)? == Shape::Number => (self.word(0).parse().ok()?, 1),
            _ => {
                let words: Vec<&str> = self.tokens[self.at..].iter().take(4).map(|token| token.lower.as_str()).collect();
                let (value, used) = in_words(&words)?;
                (value as i64, used)
            }
        };
        // more than the calendar has is no length
        if count.abs() >= 10_000 {
            return None;
        }
        if self.word(used) == "fortnight" {
            return Some((2 * count, "weeks", used + 1));
        }
        let unit = when::unit(self.word(used)).filter(|unit| !matches!(*unit, "seconds" | "minutes" | "hours"))?;
        Some((count, unit, used + 1))
    }

    /// "Friday week", "tomorrow week", "Monday after next", "the week after next", "Wednesday of next week".
    fn week_later(&self) -> Option<(When, usize)> {
        let monday = self
            .today()
            .checked_sub(i32::from(self.today().weekday().to_monday_zero_offset()).days())
            .ok()?;
        if (self.word(0), self.word(1), self.word(2)) == ("week", "after", "next") {
            let first = monday.checked_add(14.days()).ok()?;
            return Some((When::Range(first, first.checked_add(6.days()).ok()?), 3));
        }
        let ends = |offset: usize| {
            self.tokens.get(self.at + offset).is_none_or(|token| {
                token.shape == Shape::Punct
                    || crate::words::is_preposition(&token.lower)
                    || crate::words::is_stop(&token.lower)
                    || token.shape != Shape::Word
            })
        };
        let days_on = match self.word(0) {
            "today" => Some(0),
            "tomorrow" => Some(1),
            word => weekday(word).map(|day| self.ahead(day)),
        };
        if let Some(days) = days_on {
            if self.word(1) == "week" && ends(2) {
                return self.today().checked_add((days + 7).days()).ok().map(|date| (When::Date(date), 2));
            }
            if (self.word(1), self.word(2)) == ("after", "next") {
                return self.today().checked_add((days + 7).days()).ok().map(|date| (When::Date(date), 3));
            }
        }
        let day = weekday(self.word(0))?;
        let (of, skip) = match (self.word(1), self.word(2), self.word(3)) {
            ("of" | "in", "next" | "the", "week") if self.word(2) == "next" => (1, 4),
            ("of" | "in", "this", "week") => (0, 4),
            ("of" | "in", "last", "week") => (-1, 4),
            ("after", "next", _) => (1, 3),
            _ => return None,
        };
        monday
            .checked_add((7 * of + i32::from(day.to_monday_zero_offset())).days())
            .ok()
            .map(|date| (When::Date(date), skip))
    }

    /// Days until the next such day.
    fn ahead(&self, day: Weekday) -> i32 {
        let days = (i32::from(day.to_monday_zero_offset()) - i32::from(self.today().weekday().to_monday_zero_offset())).rem_euclid(7);
        if days == 0 { 7 } else { days }
    }

    /// "second Tuesday in December", "the last Friday of next month".
    fn nth_weekday(&self) -> Option<(When, usize)> {
        let (nth, used) = self.position(0)?;
        let day = weekday(self.word(used))?;
        let skip = usize::from(matches!(self.word(used + 1), "of" | "in"));
        let (start, more) = self.month(used + 1 + skip).filter(|_| skip == 1)?;
        let nth = if nth < 0 {
            -1
        } else {
            i32::try_from(nth).ok().filter(|nth| (1..=5).contains(nth))?
        };
        let date = start.nth_weekday_of_month(i8::try_from(nth).ok()?, day).ok()?;
        Some((When::Date(date), used + 1 + skip + more))
    }

    /// "December the third", "the twenty-first of December", "the 12th of next month", "the first of the month".
    fn day_of(&self) -> Option<(When, usize)> {
        if month(self.word(0)).is_some() && self.word(1) == "the" {
            let (day, used) = self.position(2)?;
            let day = i8::try_from(day).ok().filter(|day| (1..=31).contains(day))?;
            return self.open_year(month(self.word(0))?, day).map(|date| (When::Date(date), 2 + used));
        }
        let (day, used) = self.position(0)?;
        if self.word(used) != "of" {
            return None;
        }
        let plain = month(self.word(used + 1)).is_some();
        let (start, more) = self.month(used + 1)?;
        let day = i8::try_from(day).ok().filter(|day| (1..=31).contains(day))?;
        let date = if plain && more == 1 {
            self.open_year(start.month(), day)?
        } else {
            Date::new(start.year(), start.month(), day).ok()?
        };
        Some((When::Date(date), used + 1 + more))
    }

    /// "the end of November", "mid December", "the last day of the month", "the first week of December", "end of next week".
    fn edge(&self) -> Option<(When, usize)> {
        let (edge, used) = match (self.word(0), self.word(1), self.word(2)) {
            ("end", "of", _) => ("end", 2),
            ("beginning" | "start", "of", _) => ("start", 2),
            ("middle", "of", _) => ("middle", 2),
            ("mid", "-", _) => ("middle", 2),
            ("mid", ..) => ("middle", 1),
            ("last", "day", "of" | "in") => ("end", 3),
            ("first", "day", "of" | "in") => ("start", 3),
            ("first" | "second" | "third" | "fourth" | "last", "week", "of" | "in") => ("week", 3),
            _ => return None,
        };
        let led = usize::from(self.word(used) == "the");
        let monday = |weeks: i32| {
            let back = i32::from(self.today().weekday().to_monday_zero_offset());
            self.today().checked_add((7 * weeks - back).days()).ok()
        };
        let week = match (self.word(used + led), self.word(used + led + 1)) {
            ("next" | "coming" | "following", "week") => monday(1).map(|date| (date, led + 2)),
            ("this", "week") => monday(0).map(|date| (date, led + 2)),
            ("week", _) if led == 1 => monday(0).map(|date| (date, 2)),
            _ => None,
        };
        if let Some((monday, more)) = week {
            let friday = monday.checked_add(4.days()).ok()?;
            let date = match edge {
                "start" => monday,
                "middle" => monday.checked_add(2.days()).ok()?,
                // on a weekend, the week ends with it
                "end" if friday < self.today() => monday.checked_add(6.days()).ok()?,
                "end" => friday,
                _ => return None,
            };
            return Some((When::Date(date), used + more));
        }
        let year = match (self.word(used + led), self.word(used + led + 1)) {
            ("year", _) if led == 1 => Some((self.today().year(), 2)),
            ("this", "year") => Some((self.today().year(), led + 2)),
            ("next", "year") => Some((self.today().year() + 1, led + 2)),
            _ => None,
        };
        if let Some((year, more)) = year {
            let (month, day) = match edge {
                "start" => (1, 1),
                "end" => (12, 31),
                _ => return None,
            };
            return Date::new(year, month, day).ok().map(|date| (When::Date(date), used + more));
        }
        let (start, more) = self.month(used)?;
        let date = |day: i8| Date::new(start.year(), start.month(), day).ok();
        let found = match (edge, self.word(0)) {
            ("start", _) => When::Date(start),
            ("middle", _) => When::Date(date(15)?),
            ("week", "last") => When::Range(start.last_of_month().checked_sub(6.days()).ok()?, start.last_of_month()),
            ("week", nth) => {
                let first = i8::try_from(ordinal(nth)? - 1).ok()? * 7 + 1;
                When::Range(date(first)?, date(first + 6)?)
            }
            _ => When::Date(start.last_of_month()),
        };
        Some((found, used + more))
    }

    /// "at 1930", "at 19h", "around 7ish", "at five to nine", "between 9 and 11 in the morning".
    fn clock(&self) -> Option<(When, usize)> {
        let led = matches!(
            self.before(1),
            "at" | "by" | "until" | "till" | "around" | "about" | "from" | "before" | "after" | "past"
        );
        let ends = |offset: usize| {
            self.tokens.get(self.at + offset).is_none_or(|next| {
                next.shape == Shape::Punct
                    || crate::words::is_preposition(&next.lower)
                    || when::is_calendar_word(&next.lower)
                    || matches!(next.lower.as_str(), "and" | "please" | "sharp" | "then" | "this")
            })
        };
        let text = self.word(0);
        if self.before(1) == "at" && self.shape(0)? == Shape::Number && text.len() == 4 && ends(1) {
            let (hour, minute): (i8, i8) = (text[..2].parse().ok()?, text[2..].parse().ok()?);
            return Time::new(hour, minute, 0, 0).ok().map(|time| (When::Time(time), 1));
        }
        if self.before(1) == "at"
            && self.shape(0)? == Shape::Number
            && self.word(1) == "hours"
            && self.tokens[self.at + 1].text == "hours"
            && text.len() <= 2
        {
            let hour: i8 = text.parse().ok()?;
            return Time::new(hour, 0, 0, 0).ok().map(|time| (When::Time(time), 2));
        }
        if led
            && let Some(hour) = text.strip_suffix("ish").map(|hour| hour.trim_end_matches('-'))
            && let Some(hour) = hour.parse::<i8>().ok().or_else(|| in_words(&[hour]).map(|(hour, _)| hour as i8))
        {
            return self.afternoon(hour, 0).map(|time| (When::Time(time), 1));
        }
        let minutes = match text {
            "five" | "5" => 5,
            "ten" | "10" => 10,
            "twenty" | "20" => 20,
            "twenty-five" | "25" => 25,
            _ => 0,
        };
        if minutes > 0 && led && self.word(1) == "to" {
            let hour = self
                .word(2)
                .parse::<i8>()
                .ok()
                .or_else(|| in_words(&[self.word(2)]).map(|(hour, _)| hour as i8));
            let hour = hour.filter(|hour| (1..=12).contains(hour))?;
            let (part, extra) = part(self.tokens, self.at + 3);
            if extra > 0 || ends(3) {
                let full = self.by_part(hour, part)?;
                let total = (i32::from(full) * 60 - minutes).rem_euclid(24 * 60);
                let time = Time::new(i8::try_from(total / 60).ok()?, i8::try_from(total % 60).ok()?, 0, 0).ok()?;
                return Some((When::Time(time), 3 + extra));
            }
        }
        // what the end of the span says of the day holds for its beginning
        if self.before(1) == "between" && matches!(self.word(1), "and" | "&") {
            let hour = text.parse::<i8>().ok().or_else(|| in_words(&[text]).map(|(hour, _)| hour as i8));
            let hour = hour.filter(|hour| (0..=24).contains(hour))?;
            let (last, used) = when::read(self.tokens, self.at + 2, self.now, self.past)?;
            let When::Time(last) = last else { return None };
            if used < 2 && self.shape(2) != Some(Shape::Clock) {
                return None;
            }
            let hour = if last.hour() >= 12 && hour < 12 && hour + 12 <= last.hour() {
                hour + 12
            } else {
                hour
            };
            return Time::new(hour, 0, 0, 0).ok().map(|time| (When::Time(time), 1));
        }
        None
    }

    fn by_part(&self, hour: i8, part: Option<bool>) -> Option<i8> {
        match part {
            Some(true) => Some(hour % 12 + 12),
            Some(false) => Some(hour % 12),
            None => self.afternoon(hour, 0).map(Time::hour),
        }
    }

    /// An hour of the day that nobody told: from 7 to 11 in the morning, else in the afternoon.
    fn afternoon(&self, hour: i8, minute: i8) -> Option<Time> {
        let hour = if (1..7).contains(&hour) { hour + 12 } else { hour };
        Time::new(hour, minute, 0, 0).ok()
    }

    /// "two and a half hours", "three quarters of an hour", "an hour and twenty minutes", "1h30".
    fn long(&self) -> Option<(When, usize)> {
        let length = |minutes: f64, used: usize| Some((When::Length(minutes, "minutes"), used));
        if self.shape(0)? == Shape::Id {
            let (hours, rest) = self.word(0).split_once('h')?;
            let hours: f64 = hours.parse().ok()?;
            let rest = rest.trim_end_matches(['m', 'i', 'n']);
            let minutes: f64 = rest.parse().ok().filter(|minutes| (0.0..60.0).contains(minutes))?;
            return length(hours * 60.0 + minutes, 1);
        }
        if matches!(self.word(0), "three")
            && matches!(self.word(1), "quarters")
            && self.word(2) == "of"
            && self.word(3) == "an"
            && self.word(4) == "hour"
        {
            return length(45.0, 5);
        }
        let (count, used) = match self.word(0) {
            "a" | "an" => (1.0, 1),
            _ if self.shape(0)? == Shape::Number => (in_digits(self.word(0))?, 1),
            _ => {
                let words: Vec<&str> = self.tokens[self.at..].iter().take(4).map(|token| token.lower.as_str()).collect();
                in_words(&words)?
            }
        };
        // "two and a half hours"
        if (self.word(used), self.word(used + 1), self.word(used + 2)) == ("and", "a", "half")
            && let Some(unit) = when::unit(self.word(used + 3))
        {
            return Some((When::Length(count + 0.5, unit), used + 4));
        }
        // "an hour and twenty minutes", "2 hours 30"
        if when::unit(self.word(used)) != Some("hours") {
            return None;
        }
        let and = usize::from(matches!(self.word(used + 1), "and" | ","));
        let words: Vec<&str> = self
            .tokens
            .iter()
            .skip(self.at + used + 1 + and)
            .take(4)
            .map(|token| token.lower.as_str())
            .collect();
        let (minutes, more) = match words.first()?.parse::<f64>() {
            Ok(minutes) => (minutes, 1),
            Err(_) if words.first() == Some(&"a") && words.get(1) == Some(&"quarter") => {
                return length(count * 60.0 + 15.0, used + 1 + and + 2);
            }
            Err(_) => in_words(&words)?,
        };
        let named = when::unit(words.get(more).copied().unwrap_or_default()) == Some("minutes");
        (named && minutes < 60.0).then(|| (When::Length(count * 60.0 + minutes, "minutes"), used + 2 + and + more))
    }
}

fn leads_to_a_day(word: &str) -> bool {
    matches!(
        word,
        "on" | "by" | "until" | "till" | "from" | "to" | "for" | "since" | "before" | "after" | "date"
    )
}

/// Whether the words at `at` say afternoon or morning, and how many they are.
fn part(tokens: &[Token], at: usize) -> (Option<bool>, usize) {
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    match (word(0), word(1), word(2)) {
        ("in", "the", "morning") => (Some(false), 3),
        ("in", "the", "afternoon" | "evening") => (Some(true), 3),
        ("am" | "a.m", ..) => (Some(false), 1),
        ("pm" | "p.m" | "tonight", ..) => (Some(true), if word(0) == "tonight" { 0 } else { 1 }),
        ("at", "night", _) => (Some(true), 2),
        _ => (None, 0),
    }
}
