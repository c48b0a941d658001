//! What may be the value of a parameter: every stretch of the text that could be, whatever speaks for or against it.

use jiff::ToSpan as _;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::arguments::option_or;
use crate::schema::{Param, Role, ToolFacts, Type};
use crate::values;
use bedplate_language::entities::{Entity, Utterance, What, currency};
use bedplate_language::kinds::{is_kind, kinds};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words};
use bedplate_language::when::When;
use bedplate_language::words::{is_determiner, is_negation};

/// Longest phrase, in tokens.
const PHRASE_MAX: usize = 24;
/// Most tokens of one item of a list.
const ITEM_MAX: usize = 5;
/// Most items of a list.
const ITEMS_MAX: usize = 8;

/// What a candidate was read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Null,
    Date,
    DateTime,
    Time,
    Range,
    Part,
    Length,
    Number,
    Money,
    Percent,
    Ordinal,
    Email,
    Phone,
    Url,
    Id,
    Quoted,
    Proper,
    Option,
    True,
    False,
    Phrase,
    List,
    /// A day and a time that were said apart.
    Joined,
    /// The end of what begins at a time and lasts.
    Ends,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Date => "date",
            Kind::DateTime => "datetime",
            Kind::Time => "time",
            Kind::Range => "range",
            Kind::Part => "part",
            Kind::Length => "length",
            Kind::Number => "number",
            Kind::Money => "money",
            Kind::Percent => "percent",
            Kind::Ordinal => "ordinal",
            Kind::Email => "email",
            Kind::Phone => "phone",
            Kind::Url => "url",
            Kind::Id => "id",
            Kind::Quoted => "quoted",
            Kind::Proper => "proper",
            Kind::Option => "option",
            Kind::True => "true",
            Kind::False => "false",
            Kind::Phrase => "phrase",
            Kind::List => "list",
            Kind::Joined => "joined",
            Kind::Ends => "ends",
        }
    }

    pub(crate) fn of(what: &What) -> Self {
        match what {
            What::When(When::Date(_)) => Kind::Date,
            What::When(When::Time(_)) => Kind::Time,
            What::When(When::DateTime(_)) => Kind::DateTime,
            What::When(When::Range(..)) => Kind::Range,
            What::When(When::Part(..)) => Kind::Part,
            What::When(When::Length(..)) => Kind::Length,
            What::Number(_) => Kind::Number,
            What::Money(..) => Kind::Money,
            What::Percent(_) => Kind::Percent,
            What::Ordinal(_) => Kind::Ordinal,
            What::Email(_) => Kind::Email,
            What::Phone(_) => Kind::Phone,
            What::Url(_) => Kind::Url,
            What::Id(_) => Kind::Id,
            What::Quoted(_) => Kind::Quoted,
            What::Proper(_) => Kind::Proper,
        }
    }
}

/// One stretch of the text, tokens `from..to`, with the value it would give.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: Kind,
    /// How it was read, where there are several ways.
    pub(crate) how: &'static str,
    /// None for "not said".
    pub(crate) value: Option<Value>,
}

impl Candidate {
    /// "Not said".
    pub(crate) fn absent() -> Self {
        Self {
            from: 0,
            to: 0,
            kind: Kind::Null,
            how: "",
            value: None,
        }
    }
}

/// What is read: the clause of a wish, and the parts around it that have no wish of their own.
pub(crate) struct Scene<'a> {
    pub(crate) u: &'a Utterance,
    pub(crate) spans: &'a [(usize, usize)],
    pub(crate) verb_at: &'a [usize],
    pub(crate) tool: &'a ToolFacts,
    pub(crate) blocked: &'a [bool],
    pub(crate) now: DateTime,
}

impl Scene<'_> {
    pub(crate) fn region(&self, at: usize) -> Option<(usize, usize)> {
        self.spans.iter().copied().find(|(from, to)| (*from..*to).contains(&at))
    }

    fn open(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| !self.blocked[at])
    }

    pub(crate) fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.u
            .entities
            .iter()
            .filter(|entity| self.region(entity.from).is_some() && self.open(entity.from, entity.to))
    }

    pub(crate) fn entity_at(&self, at: usize) -> Option<&Entity> {
        self.u.entities.iter().find(|entity| entity.from <= at && at < entity.to)
    }
}

/// All that may be the value of parameter `p`; "not said" is the first.
pub(crate) fn candidates(scene: &Scene, p: usize) -> Vec<Candidate> {
    let param = &scene.tool.params[p];
    let mut out = vec![Candidate::absent()];
    if param.ty == Type::Object {
        return out;
    }
    if param.role == Role::Flag {
        flags(scene, param, &mut out);
        return out;
    }
    let closed = !param.options.is_empty() && !param.open;
    if param.ty == Type::List {
        lists(scene, param, &mut out);
        return out;
    }
    if !param.options.is_empty() {
        options(scene, param, &mut out);
    }
    if !closed {
        mentions(scene, param, &mut out);
        let phrased = param.textual()
            && !matches!(
                param.role,
                Role::Date | Role::Time | Role::DateTime | Role::Email | Role::Phone | Role::Url
            );
        if phrased {
            phrases(scene, param, &mut out);
        }
    }
    out
}

fn mentions(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    for entity in scene.entities() {
        // "the second one" is one of a list
        if matches!(entity.what, What::Ordinal(_)) && (param.role != Role::Count || matches!(u.word(entity.to), "one" | "ones")) {
            continue;
        }
        let said = u.slice(entity.from, entity.to).trim_start_matches('#');
        let mut push = |what: &What, how: &'static str| {
            if let Some(value) = values::value(what, said, param, scene.now) {
                out.push(Candidate {
                    from: entity.from,
                    to: entity.to,
                    kind: Kind::of(what),
                    how,
                    value: Some(value),
                });
            }
        };
        match &entity.what {
            What::Money(_, code) if param.role == Role::Currency => {
                if let Some(code) = code {
                    out.push(Candidate {
                        from: entity.from,
                        to: entity.to,
                        kind: Kind::Money,
                        how: "code",
                        value: Some(option_or(param, code)),
                    });
                }
                continue;
            }
            What::When(When::Range(first, last)) if matches!(param.role, Role::Date | Role::DateTime) => {
                push(&What::When(When::Date(*first)), "first");
                push(&What::When(When::Date(*last)), "last");
            }
            What::When(When::Time(time)) if time.hour() >= 12 => {
                push(&entity.what, "");
                push(&What::When(When::Time(time.saturating_sub(12.hours()))), "early");
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
        // "in twenty minutes"
        if matches!(entity.what, What::When(When::Time(_) | When::DateTime(_)))
            && matches!(u.word(entity.from), "in" | "within" | "after")
            && let Some((length @ When::Length(..), _)) = bedplate_language::when::read(&u.tokens, entity.from + 1, scene.now, false)
        {
            push(&What::When(length), "in");
        }
        if let Some(other) = &entity.other {
            push(&What::When(other.clone()), "other");
        }
    }
    if matches!(param.role, Role::Percent) || param.is_any(&["percent", "percentage", "share", "rollout"]) {
        for at in 0..u.tokens.len() {
            let share = match u.word(at) {
                "half" => 50.0,
                "quarter" => 25.0,
                "third" => 33.0,
                "everyone" | "everybody" | "all" | "fully" => 100.0,
                _ => continue,
            };
            if scene.region(at).is_some() && scene.open(at, at + 1) {
                let quarters = if u.word(at) == "quarter" && at > 0 && u.word(at - 1) == "three" {
                    3.0
                } else {
                    1.0
                };
                out.push(Candidate {
                    from: at,
                    to: at + 1,
                    kind: Kind::Percent,
                    how: "word",
                    value: Some(values::number(share * quarters, param)),
                });
            }
        }
    }
    if param.role == Role::Length {
        between(scene, param, out);
    }
    if param.role == Role::Currency {
        for at in 0..u.tokens.len() {
            if scene.region(at).is_some()
                && scene.open(at, at + 1)
                && let Some(code) = currency(u.word(at))
            {
                out.push(Candidate {
                    from: at,
                    to: at + 1,
                    kind: Kind::Option,
                    how: "currency",
                    value: Some(option_or(param, code)),
                });
            }
        }
    }
    if matches!(param.role, Role::Date | Role::DateTime | Role::Time) {
        combined(scene, param, out);
    }
}

/// A day with a time of its own elsewhere; the end of a stay of three nights.
fn combined(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let all: Vec<&Entity> = scene.entities().collect();
    for a in &all {
        for b in &all {
            if a.from == b.from {
                continue;
            }
            let (from, to) = (a.from.min(b.from), a.to.max(b.to));
            let mut push = |kind: Kind, how: &'static str, value: Value| {
                out.push(Candidate {
                    from,
                    to,
                    kind,
                    how,
                    value: Some(value),
                });
            };
            match (&a.what, &b.what, param.role) {
                (What::When(When::Date(date)), What::When(When::Time(time)), Role::DateTime) => {
                    push(Kind::Joined, "", values::datetime(date.to_datetime(*time), param));
                }
                (What::When(When::DateTime(first)), What::When(When::Time(time)), Role::DateTime) => {
                    push(Kind::Joined, "later", values::datetime(first.date().to_datetime(*time), param));
                }
                (What::When(When::Date(date)), What::When(When::Length(count, unit @ ("days" | "nights" | "weeks"))), Role::Date) => {
                    let days = (*count as i32).saturating_mul(if *unit == "weeks" { 7 } else { 1 });
                    for (how, days) in [("", days), ("less", days - 1)] {
                        if let Ok(end) = date.checked_add(days.days()) {
                            push(Kind::Ends, how, values::date(end, param));
                        }
                    }
                }
                (What::When(When::Time(time)), What::When(When::Length(count, unit @ ("hours" | "minutes"))), Role::Time) => {
                    let minutes = (count * if *unit == "hours" { 60.0 } else { 1.0 }) as i64;
                    if let Ok(end) = time.checked_add(minutes.minutes()) {
                        push(Kind::Ends, "", values::time(end, param));
                    }
                }
                (What::When(When::DateTime(at)), What::When(When::Length(count, unit @ ("hours" | "minutes"))), Role::DateTime) => {
                    let minutes = (count * if *unit == "hours" { 60.0 } else { 1.0 }) as i64;
                    if let Ok(end) = at.checked_add(minutes.minutes()) {
                        push(Kind::Ends, "", values::datetime(end, param));
                    }
                }
                _ => {}
            }
        }
    }
}

/// "From 14:15 to 15:00": how long that is.
fn between(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let times: Vec<(&Entity, jiff::civil::Time)> = scene
        .entities()
        .filter_map(|entity| match &entity.what {
            What::When(When::Time(time)) => Some((entity, *time)),
            What::When(When::DateTime(at)) => Some((entity, at.time())),
            _ => None,
        })
        .collect();
    let days: Vec<(&Entity, jiff::civil::Date)> = scene
        .entities()
        .filter_map(|entity| match &entity.what {
            What::When(When::Date(day)) => Some((entity, *day)),
            _ => None,
        })
        .collect();
    let mut push = |a: &Entity, b: &Entity, count: f64, unit: &str| {
        out.push(Candidate {
            from: a.from,
            to: b.to,
            kind: Kind::Ends,
            how: "between",
            value: Some(values::length(count, unit, scene.u.slice(a.from, b.to), param)),
        });
    };
    if let [(a, first), (b, last)] = times[..]
        && last > first
    {
        let minutes = first
            .until(last)
            .map_or(0, |span| i64::from(span.get_hours()) * 60 + span.get_minutes());
        push(a, b, minutes as f64, "minutes");
    }
    if let [(a, first), (b, last)] = days[..]
        && last > first
        && let Ok(span) = first.until(last)
    {
        push(a, b, f64::from(span.get_days()), "days");
    }
}

fn options(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    for option in &param.options {
        for at in 0..u.tokens.len() {
            if scene.region(at).is_none() {
                continue;
            }
            if let Some((how, used)) = option_at(u, at, option)
                && scene.open(at, at + used)
            {
                out.push(Candidate {
                    from: at,
                    to: at + used,
                    kind: Kind::Option,
                    how,
                    value: Some(option.clone()),
                });
            }
        }
    }
}

/// Whether the text names an allowed value at `at`: how surely, and with how many tokens.
pub(crate) fn option_at(u: &Utterance, at: usize, option: &Value) -> Option<(&'static str, usize)> {
    let known = thesaurus();
    let text = match option {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let words: Vec<String> = name_words(&text).iter().map(|word| stem(word)).collect();
    let token = u.tokens.get(at)?;
    if words.is_empty() {
        return None;
    }
    // "A" is no article
    if text.len() == 1 && text.chars().all(|c| c.is_ascii_uppercase()) && token.text != text {
        return None;
    }
    if token.text == "A" && text == "A" && (at == 0 || matches!(u.word(at - 1), "." | "!" | "?")) {
        return None;
    }
    let spoken = |index: usize, word: &str| {
        u.tokens
            .get(at + index)
            .is_some_and(|token| token.stem == word || token.lower == word)
    };
    if words.iter().enumerate().all(|(index, word)| spoken(index, word)) {
        return Some((if words.len() > 1 { "exact+" } else { "exact" }, words.len()));
    }
    let joined = text.to_lowercase().replace(['-', '_', ' '], "");
    if token.lower.replace(['-', ' '], "") == joined {
        return Some(("exact", 1));
    }
    let two = u.tokens.get(at + 1).map(|next| format!("{}{}", token.lower, next.lower));
    if two.is_some_and(|two| two == joined) {
        return Some(("exact", 2));
    }
    if token.shape != Shape::Word {
        return None;
    }
    if let Some((phrase, used)) = known.phrase(|index| u.tokens.get(at + index).map(|token| token.stem.as_str()))
        && known.similarity(&words.join("_"), &phrase) >= 0.8
    {
        return Some(("synonym+", used));
    }
    let verb = |word: &str| known.verb_similarity(&words[0], word) >= 0.8;
    if words.len() == 1 && known.is_verb(&words[0]) {
        let phrase = (1..4).find_map(|gap| {
            let particle = u.tokens.get(at + gap)?;
            matches!(particle.lower.as_str(), "on" | "off" | "up" | "down" | "out" | "back" | "in")
                .then(|| format!("{}_{}", token.stem, particle.stem))
        });
        if phrase.is_some_and(|phrase| verb(&phrase)) {
            return Some(("verb+", 1));
        }
        if verb(&token.stem) && known.similarity(&words[0], &token.stem) < 0.8 {
            return Some(("verb", 1));
        }
    }
    // "the oven": an appliance
    let here: Vec<&str> = (at..(at + 4).min(u.tokens.len())).map(|at| u.word(at)).collect();
    let kind = words.join("_");
    if !bedplate_language::words::is_stop(&token.lower)
        && let Some((_, used)) = kinds(&here)
        && is_kind(&here[..used], &kind)
    {
        return Some(("kind", used));
    }
    if words.len() == 1 {
        let near = known.similarity(&words[0], &token.stem);
        if near >= 0.8 {
            return Some(("synonym", 1));
        }
        if derived(&words[0], &token.stem) {
            return Some(("derived", 1));
        }
        if near >= 0.6 && words[0].len() > 4 {
            return Some(("alike", 1));
        }
        return None;
    }
    let content: Vec<&String> = words.iter().filter(|word| word.len() > 2).collect();
    let there = |word: &str| {
        (0..3).any(|offset| {
            u.tokens
                .get(at + offset)
                .is_some_and(|token| known.similarity(word, &token.stem) >= 0.8)
        })
    };
    if !content.is_empty()
        && content.iter().all(|word| there(word))
        && content.iter().any(|word| known.similarity(word, &token.stem) >= 0.8)
    {
        return Some(("all", 1));
    }
    if words.contains(&token.stem) && token.stem.len() > 2 {
        return Some(("part", 1));
    }
    if content.iter().any(|word| known.similarity(word, &token.stem) >= 0.8) {
        return Some(("part~", 1));
    }
    None
}

/// Words that say nothing in the name of a yes-or-no.
const EMPTY: &[&str] = &[
    "is", "has", "include", "includ", "with", "want", "need", "enabl", "allow", "use", "flag", "requir", "send", "only", "add", "apply",
    "true", "if", "when", "whether", "should", "fals", "be", "the", "or", "and", "not",
];

/// Words of parameters that say whether something is on.
const SWITCHES: &[&str] = &[
    "enabl", "enabled", "on", "activ", "active", "state", "power", "open", "lock", "locked", "run", "live", "publish", "visibl",
];

fn flags(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let known = thesaurus();
    let u = scene.u;
    for at in 0..u.tokens.len() {
        if scene.region(at).is_none() || !scene.open(at, at + 1) {
            continue;
        }
        let token = &u.tokens[at];
        let best = |words: &[String]| {
            words
                .iter()
                .filter(|word| !EMPTY.contains(&word.as_str()))
                .map(|word| {
                    known
                        .similarity(word, &token.stem)
                        .max(if derived(word, &token.stem) { 0.5 } else { 0.0 })
                })
                .fold(0.0, f64::max)
        };
        let (name, about) = (best(&param.words), best(&param.about));
        let switches = param.words.iter().any(|word| SWITCHES.contains(&word.as_str()));
        let turned = |class: &str| {
            switches
                && (known.has_class(&token.stem, class) || matches!(token.lower.as_str(), "disable" | "deactivate" | "enable" | "activate"))
        };
        let how = if turned("stop") && !matches!(token.lower.as_str(), "enable" | "activate") {
            "stop"
        } else if turned("start") {
            "start"
        } else if name >= 1.0 {
            "name"
        } else if name >= 0.8 {
            "name~"
        } else if about >= 1.0 {
            "about"
        } else if name >= 0.5 {
            "name-"
        } else if about >= 0.8 {
            "about~"
        } else if matches!(token.lower.as_str(), "on" | "off") {
            "switch"
        } else {
            continue;
        };
        for (kind, value) in [(Kind::True, true), (Kind::False, false)] {
            out.push(Candidate {
                from: at,
                to: at + 1,
                kind,
                how,
                value: Some(json!(value)),
            });
        }
    }
}

/// Whether a phrase may begin or end with the token.
fn edge(u: &Utterance, at: usize, last: bool) -> bool {
    let token = &u.tokens[at];
    match token.shape {
        Shape::Punct => false,
        Shape::Word if last => {
            !(is_determiner(&token.lower) && !matches!(token.lower.as_str(), "his" | "her" | "this" | "that"))
                && !matches!(
                    token.lower.as_str(),
                    "and" | "or" | "but" | "because" | "i" | "we" | "the" | "a" | "an" | "my" | "our" | "your"
                )
        }
        Shape::Word => !matches!(token.lower.as_str(), "and" | "or" | "but" | "please"),
        _ => true,
    }
}

fn phrases(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    let longest = match param.role {
        Role::Id => 3,
        Role::Text | Role::Query => PHRASE_MAX,
        _ => 9,
    };
    let everything = [(0, u.tokens.len())];
    let regions = if matches!(param.role, Role::Text) {
        &everything[..]
    } else {
        scene.spans
    };
    for (begin, end) in regions {
        for from in *begin..*end {
            if scene.region(from).is_none() || !edge(u, from, false) || scene.entity_at(from).is_some_and(|entity| entity.from < from) {
                continue;
            }
            for to in from + 1..=(from + longest).min(*end) {
                if scene.blocked[to - 1] {
                    break;
                }
                if scene.region(to - 1).is_none() {
                    continue;
                }
                let cut = scene.entity_at(to - 1).is_some_and(|entity| entity.to > to);
                let whole = scene.entity_at(from).is_some_and(|entity| {
                    entity.from == from && entity.to == to && values::value(&entity.what, "", param, scene.now).is_some()
                });
                if cut || whole || !edge(u, to - 1, true) {
                    continue;
                }
                let text = u.slice(from, to);
                let owned = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s"));
                out.push(Candidate {
                    from,
                    to,
                    kind: Kind::Phrase,
                    how: if owned.is_some() { "owner" } else { "" },
                    value: Some(json!(owned.unwrap_or(text))),
                });
            }
        }
    }
}

fn separator(u: &Utterance, at: usize) -> bool {
    matches!(u.word(at), "," | "and" | "&" | "plus" | "or" | ";")
}

/// Things in a row: "rice, two lemons and salt".
fn lists(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    // mentions of one kind, wherever they stand
    let mut kinds: Vec<Kind> = scene.entities().map(|entity| Kind::of(&entity.what)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let of: Vec<&Entity> = scene.entities().filter(|entity| Kind::of(&entity.what) == kind).collect();
        let values: Vec<Value> = of
            .iter()
            .filter_map(|entity| {
                values::value(
                    &entity.what,
                    u.slice(entity.from, entity.to).trim_start_matches('#'),
                    param,
                    scene.now,
                )
            })
            .collect();
        if values.len() == of.len() {
            out.push(Candidate {
                from: of[0].from,
                to: of[of.len() - 1].to,
                kind: Kind::List,
                how: if of.len() == 1 { "all1" } else { "all" },
                value: Some(Value::Array(values)),
            });
        }
    }
    for (begin, end) in scene.spans {
        for from in *begin..*end {
            if scene.entity_at(from).is_some_and(|entity| entity.from < from) {
                continue;
            }
            // the ends of items that have another behind them
            let mut items: Vec<Value> = Vec::new();
            let mut at = from;
            'items: while items.len() < ITEMS_MAX {
                for to in at + 1..=(at + ITEM_MAX).min(*end) {
                    if scene.blocked[to - 1] || separator(u, to - 1) || u.tokens[to - 1].shape == Shape::Punct {
                        break;
                    }
                    if let Some(value) = item(scene, param, at, to) {
                        let mut all = items.clone();
                        all.push(value);
                        out.push(Candidate {
                            from,
                            to,
                            kind: Kind::List,
                            how: match all.len() {
                                1 => "1",
                                2 => "2",
                                _ => "3",
                            },
                            value: Some(Value::Array(all)),
                        });
                    }
                }
                let Some(to) = (at + 1..(at + ITEM_MAX + 1).min(*end)).find(|to| separator(u, *to)) else {
                    break 'items;
                };
                let Some(value) = item(scene, param, at, to) else { break 'items };
                items.push(value);
                at = to;
                while at < *end && separator(u, at) {
                    at += 1;
                }
            }
        }
    }
}

fn item(scene: &Scene, param: &Param, from: usize, to: usize) -> Option<Value> {
    let u = scene.u;
    if !param.options.is_empty() {
        let found = param
            .options
            .iter()
            .find(|option| (from..to).any(|at| option_at(u, at, option).is_some_and(|(how, _)| !how.starts_with("part"))));
        if found.is_some() || !param.open {
            return found.cloned();
        }
    }
    if let Some(entity) = scene.entity_at(from)
        && entity.from == from
        && entity.to == to
    {
        return values::value(&entity.what, u.slice(from, to).trim_start_matches('#'), param, scene.now);
    }
    let from = if is_determiner(u.word(from)) && to > from + 1 {
        from + 1
    } else {
        from
    };
    let whole = edge(u, from, false) && edge(u, to - 1, true) && !is_negation(u.word(from));
    let cut = scene.entity_at(to - 1).is_some_and(|entity| entity.to > to);
    (param.textual() && whole && !cut).then(|| json!(u.slice(from, to)))
}

/// Whether two stems are of one word: "damag" and "damage", "extract" and "extraction".
pub(crate) fn derived(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.len() - common, b.len() - common);
    common >= 4 && (a <= 1 && b <= 4 || b <= 1 && a <= 4) || common >= 6 && a <= 4 && b <= 4
}
