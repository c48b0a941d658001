//! Days and times put together: what was said apart, and how long something lasts.

use jiff::Span;
use jiff::civil::{Date, Time};
use serde_json::Value;

use super::{Candidate, Kind, Scene};
use crate::schema::{Param, Role};
use crate::values;
use bedplate_language::entities::{Entity, What};
use bedplate_language::when::When;

const DAYS_A_WEEK: i32 = 7;
const MINUTES_AN_HOUR: i64 = 60;

/// The minutes of a length in hours or minutes, unless they are more than the calendar has.
fn minutes(count: f64, unit: &str) -> Result<Span, jiff::Error> {
    Span::new().try_minutes((count * if unit == "hours" { MINUTES_AN_HOUR as f64 } else { 1.0 }) as i64)
}

/// A day with a time of its own elsewhere; the end of a stay of three nights.
pub(super) fn combined(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let all: Vec<&Entity> = scene.entities().collect();
    for a in &all {
        for b in &all {
            if a.from == b.from {
                continue;
            }
            let (from, to) = (a.from.min(b.from), a.to.max(b.to));
            let mut push = |kind: Kind, how: &'static str, value: Value| out.push(Candidate::new((from, to), kind, how, value));
            match (&a.what, &b.what, param.role) {
                (What::When(When::Date(date)), What::When(When::Time(time)), Role::DateTime) => {
                    push(Kind::Joined, "", values::datetime(date.to_datetime(*time), param));
                }
                (What::When(When::DateTime(first)), What::When(When::Time(time)), Role::DateTime) => {
                    push(Kind::Joined, "later", values::datetime(first.date().to_datetime(*time), param));
                }
                (What::When(When::Date(date)), What::When(When::Length(count, unit @ ("days" | "nights" | "weeks"))), Role::Date) => {
                    let days = (*count as i32).saturating_mul(if *unit == "weeks" { DAYS_A_WEEK } else { 1 });
                    for (how, days) in [("", days), ("less", days.saturating_sub(1))] {
                        // nothing ends after more days than the calendar has
                        if let Ok(end) = Span::new().try_days(days).and_then(|days| date.checked_add(days)) {
                            push(Kind::Ends, how, values::date(end, param));
                        }
                    }
                }
                (What::When(When::Time(time)), What::When(When::Length(count, unit @ ("hours" | "minutes"))), Role::Time) => {
                    if let Ok(end) = minutes(*count, unit).and_then(|minutes| time.checked_add(minutes)) {
                        push(Kind::Ends, "", values::time(end, param));
                    }
                }
                (What::When(When::DateTime(at)), What::When(When::Length(count, unit @ ("hours" | "minutes"))), Role::DateTime) => {
                    if let Ok(end) = minutes(*count, unit).and_then(|minutes| at.checked_add(minutes)) {
                        push(Kind::Ends, "", values::datetime(end, param));
                    }
                }
                _ => {}
            }
        }
    }
}

/// "From 14:15 to 15:00": how long that is.
pub(super) fn between(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let times: Vec<(&Entity, Time)> = scene
        .entities()
        .filter_map(|entity| match &entity.what {
            What::When(When::Time(time)) => Some((entity, *time)),
            What::When(When::DateTime(at)) => Some((entity, at.time())),
            _ => None,
        })
        .collect();
    let days: Vec<(&Entity, Date)> = scene
        .entities()
        .filter_map(|entity| match &entity.what {
            What::When(When::Date(day)) => Some((entity, *day)),
            _ => None,
        })
        .collect();
    let mut push = |a: &Entity, b: &Entity, count: f64, unit: &str| {
        let value = values::length(count, unit, scene.u.slice(a.from, b.to), param);
        out.push(Candidate::new((a.from, b.to), Kind::Ends, "between", value));
    };
    if let [(a, first), (b, last)] = times[..]
        && last > first
    {
        let minutes = first
            .until(last)
            .map_or(0, |span| i64::from(span.get_hours()) * MINUTES_AN_HOUR + span.get_minutes());
        push(a, b, minutes as f64, "minutes");
    }
    if let [(a, first), (b, last)] = days[..]
        && last > first
        && let Ok(span) = first.until(last)
    {
        push(a, b, f64::from(span.get_days()), "days");
    }
}
