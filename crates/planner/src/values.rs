//! Values in the form that a parameter asks for.

use jiff::civil::{Date, DateTime, Time};
use serde_json::{Number, Value, json};

use crate::schema::{End, Param, Role, Type};
use bedplate_language::entities::What;
use bedplate_language::when::When;

/// A date in the format that the description names; `YYYY-MM-DD` otherwise.
pub(crate) fn date(date: Date, param: &Param) -> Value {
    let about = param.description.to_lowercase();
    let format = if about.contains("dd/mm/yyyy") {
        "%d/%m/%Y"
    } else if about.contains("mm/dd/yyyy") {
        "%m/%d/%Y"
    } else if about.contains("dd.mm.yyyy") {
        "%d.%m.%Y"
    } else if about.contains("dd-mm-yyyy") {
        "%d-%m-%Y"
    } else if about.contains("yyyy-mm") && !about.contains("yyyy-mm-dd") {
        "%Y-%m"
    } else if about.contains("yyyymmdd") {
        "%Y%m%d"
    } else {
        "%Y-%m-%d"
    };
    Value::String(date.strftime(format).to_string())
}

/// Whether a parameter is a month: `YYYY-MM`.
pub(crate) fn is_month(param: &Param) -> bool {
    let about = param.description.to_lowercase();
    about.contains("yyyy-mm") && !about.contains("yyyy-mm-dd")
}

/// A time as `HH:MM`, with seconds or am/pm when the description says so; the hour for an integer.
pub(crate) fn time(time: Time, param: &Param) -> Value {
    if matches!(param.items, Type::Integer | Type::Number) {
        return json!(time.hour());
    }
    let about = param.description.to_lowercase();
    let format = if about.contains("hh:mm:ss") {
        "%H:%M:%S"
    } else if about.contains("am/pm") || about.contains("12-hour") || about.contains("12 hour") || about.contains(":mm a") {
        "%-I:%M %p"
    } else {
        "%H:%M"
    };
    Value::String(time.strftime(format).to_string())
}

/// A point in time: ISO 8601 without a zone unless the description asks for another form.
pub(crate) fn datetime(at: DateTime, param: &Param) -> Value {
    let about = param.description.to_lowercase();
    let text = at.strftime(if about.contains("yyyy-mm-dd hh:mm:ss") {
        "%Y-%m-%d %H:%M:%S"
    } else if about.contains("yyyy-mm-dd hh:mm") {
        "%Y-%m-%d %H:%M"
    } else if about.contains("yyyy-mm-ddthh:mm") && !about.contains("hh:mm:ss") {
        "%Y-%m-%dT%H:%M"
    } else {
        "%Y-%m-%dT%H:%M:%S"
    });
    let zulu = about.contains("utc") || about.contains("ssz") || about.contains("mmz");
    Value::String(if zulu { format!("{text}Z") } else { text.to_string() })
}

/// A number in the type that the parameter has.
pub(crate) fn number(value: f64, param: &Param) -> Value {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    match param.items {
        Type::Integer if !whole => json!(value.round() as i64),
        Type::Integer | Type::Number if whole => json!(value as i64),
        Type::Number => Number::from_f64(value).map_or(Value::Null, Value::Number),
        _ if whole => Value::String((value as i64).to_string()),
        _ => Value::String(value.to_string()),
    }
}

/// A length of time in the unit that the parameter's name or description tells.
pub(crate) fn length(count: f64, unit: &str, said: &str, param: &Param) -> Value {
    if param.items == Type::Text {
        return Value::String(said.to_owned());
    }
    let minutes = |unit: &str| match unit {
        "seconds" => 1.0 / 60.0,
        "minutes" => 1.0,
        "hours" => 60.0,
        "days" | "nights" => 1_440.0,
        "weeks" => 10_080.0,
        "months" => 43_200.0,
        _ => 525_600.0,
    };
    let wanted = unit_of(param).unwrap_or(unit);
    let value = match (unit, wanted) {
        (a, b) if a == b => count,
        ("years", "months") => count * 12.0,
        ("months", "years") => count / 12.0,
        (a, b) => count * minutes(a) / minutes(b),
    };
    number((value * 1_000.0).round() / 1_000.0, param)
}

/// The unit of time that a parameter is in.
pub(crate) fn unit_of(param: &Param) -> Option<&'static str> {
    let units = [
        ("second", "seconds"),
        ("sec", "seconds"),
        ("minute", "minutes"),
        ("minut", "minutes"),
        ("min", "minutes"),
        ("mins", "minutes"),
        ("hour", "hours"),
        ("hours", "hours"),
        ("hr", "hours"),
        ("night", "nights"),
        ("day", "days"),
        ("week", "weeks"),
        ("month", "months"),
        ("year", "years"),
    ];
    let find = |words: &[String]| {
        // "min_years" is a least number of years
        let skip = usize::from(words.len() > 1 && matches!(words[0].as_str(), "min" | "max" | "minimum" | "maximum"));
        words.iter().skip(skip).find_map(|word| {
            units
                .iter()
                .find(|(known, _)| known == word || word.strip_suffix('s') == Some(known))
                .map(|(_, unit)| *unit)
        })
    };
    find(&param.words).or_else(|| find(&param.about))
}

/// Whether a parameter is about days gone by: `spent_on`, "Day the meter was read"; or about days to come.
pub(crate) fn tense(param: &Param, verbs: &[String]) -> Option<bool> {
    let about = param.description.to_lowercase();
    let words = || {
        param
            .plain
            .iter()
            .map(String::as_str)
            .chain(about.split(|c: char| !c.is_alphanumeric()))
    };
    let past = [
        "was",
        "were",
        "happened",
        "occurred",
        "spent",
        "bought",
        "paid",
        "driven",
        "taken",
        "purchase",
        "expense",
        "outlay",
        "trip",
        "journey",
        "mileage",
        "seen",
        "born",
        "birth",
        "noticed",
        "observed",
        "visited",
        "worked",
        "received",
        "incurred",
        "performed",
        "measured",
        "sampled",
        "collected",
        "harvested",
        "inspected",
        "issued",
    ];
    let coming = [
        "due",
        "deadline",
        "planned",
        "desired",
        "wanted",
        "wished",
        "new",
        "next",
        "starts",
        "begins",
        "delivery",
        "pickup",
        "appointment",
        "booking",
        "reservation",
        "arrival",
        "departure",
        "expires",
        "valid",
    ];
    if words().any(|word| past.contains(&word)) {
        return Some(true);
    }
    if words().any(|word| coming.contains(&word)) {
        return Some(false);
    }
    let has = |list: &[&str]| verbs.first().is_some_and(|verb| list.contains(&verb.as_str()));
    if has(&["log", "record", "report", "note", "claim"]) {
        return Some(true);
    }
    has(&[
        "book",
        "schedul",
        "reserv",
        "plan",
        "mov",
        "reschedul",
        "remind",
        "order",
        "rent",
        "hir",
        "postpon",
        "extend",
        "arrang",
        "send",
        "invit",
        "creat",
        "mak",
        "put",
        "swap",
    ])
    .then_some(false)
}

/// A mention as the value of a parameter, when it can be one.
pub(crate) fn value(what: &What, said: &str, param: &Param, now: DateTime) -> Option<Value> {
    Some(match (what, param.role) {
        (What::When(When::Date(day)), Role::DateTime) => datetime(day.at(0, 0, 0, 0), param),
        (What::When(When::Date(day)), _) => date(*day, param),
        (What::When(When::DateTime(at)), Role::Date) => date(at.date(), param),
        (What::When(When::DateTime(at)), Role::Time) => time(at.time(), param),
        (What::When(When::DateTime(at)), _) => datetime(*at, param),
        (What::When(When::Time(at)), Role::DateTime) => datetime(now.date().to_datetime(*at), param),
        (What::When(When::Time(at)), _) => time(*at, param),
        (What::When(When::Range(first, _)), Role::Count | Role::Length) => {
            let month = param.is_any(&["month"]);
            json!(if month { i16::from(first.month()) } else { first.year() })
        }
        (What::When(When::Range(first, last)), Role::DateTime) => datetime(
            if param.end == End::To {
                last.at(23, 59, 59, 0)
            } else {
                first.at(0, 0, 0, 0)
            },
            param,
        ),
        (What::When(When::Range(first, last)), _) => date(if param.end == End::To { *last } else { *first }, param),
        (What::When(When::Part(name, ..)), _) if param.textual() => Value::String((*name).to_owned()),
        (What::When(When::Length(count, unit)), _) => length(*count, unit, said, param),
        (What::Number(value), _) => number_or_code(*value, said, param),
        (What::Money(value, _), _) => number(*value, param),
        (What::Percent(value), _) => number(*value, param),
        (What::Ordinal(value), _) => number(*value as f64, param),
        (What::Proper(text), Role::Person | Role::Thing | Role::Text) if param.textual() && one_name(param) != 0 && text.contains(' ') => {
            let part = if one_name(param) < 0 {
                text.split(' ').next()
            } else {
                text.rsplit(' ').next()
            };
            Value::String(part?.to_owned())
        }
        (What::Email(text) | What::Phone(text) | What::Url(text) | What::Quoted(text) | What::Proper(text), _) if param.textual() => {
            Value::String(text.clone())
        }
        (What::Id(text), _) if param.textual() => Value::String(text.clone()),
        (What::Id(text) | What::Quoted(text), _) => number(text.parse().ok()?, param),
        _ => return None,
    })
}

/// -1 for a first name, 1 for a last name.
pub(crate) fn one_name(param: &Param) -> i32 {
    let name = param.is_any(&["name"]);
    if name && param.is_any(&["first", "given"]) {
        -1
    } else if name && param.is_any(&["last", "family"]) || param.is_any(&["surname", "lastname"]) {
        1
    } else {
        0
    }
}

/// Numbers that are ids keep their zeros.
fn number_or_code(value: f64, said: &str, param: &Param) -> Value {
    if param.textual() && said.chars().all(|c| c.is_ascii_digit() || c == '.') && !said.is_empty() {
        return Value::String(said.to_owned());
    }
    number(value, param)
}
