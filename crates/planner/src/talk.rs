//! What is said about something said before, answers and corrections and "what about"; and talk that wants nothing.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::arguments::{assign, assign_open, assign_rest};
use crate::clause::analyse;
use crate::evidence::form;
use crate::goals::{Goal, Memory, Reading, refers};
use crate::results::Outcome;
use crate::schema::{End, Param, Role, ToolFacts};
use crate::told::prefix;
use bedplate_language::entities::{Entity, Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::is_stop;

/// Longest text, in tokens, that takes the place of another.
const REPLACED_MAX: usize = 6;

/// The open goal with what the user has added.
pub(crate) fn answered(goal: &Goal, u: &Utterance, memory: &Memory, tools: &[ToolFacts], now: DateTime) -> Goal {
    let tool = &tools[goal.tool];
    let clause = analyse(u, 0, u.tokens.len());
    let mut out = goal.clone();
    // first what was asked for, then what the rest may correct
    let settled: Vec<bool> = (0..tool.params.len())
        .map(|p| !tool.params[p].required || goal.values[p].is_some())
        .collect();
    let mut spoken: Vec<(usize, usize)> = Vec::new();
    if settled.contains(&false) {
        let asked = assign_open(u, &clause, &[], tool, now, &[], &settled);
        for (p, value) in asked.values.iter().enumerate() {
            // "It's the door that …" is no name: a name has a mention, or is all that was said
            let loose = matches!(
                tool.params[p].role,
                Role::Thing | Role::Person | Role::Place | Role::Query | Role::Id
            ) && u.tokens.len() > 6
                && !u.entities.iter().any(|entity| asked.taken[entity.from]);
            let story = tool.params[p].role == Role::Text;
            if value.is_some() && !loose && !story {
                out.values[p].clone_from(value);
            }
        }
        if out.values != goal.values {
            spoken = (0..u.tokens.len()).filter(|at| asked.taken[*at]).map(|at| (at, at + 1)).collect();
        }
    }
    let given = assign_rest(u, &clause, &[], tool, now, &spoken);
    if matches!(small_talk(u), Reading::Agreement) {
        out.condition = None;
    }
    let corrects = corrects(u);
    for (p, value) in given.values.iter().enumerate() {
        let sure = match tool.params[p].role {
            Role::Thing | Role::Person | Role::Place | Role::Query | Role::Text | Role::Id => u.entities.iter().any(|entity| {
                matches!(&entity.what, What::Proper(text) | What::Id(text) | What::Quoted(text) if value == &Some(json!(text)))
                    || matches!(entity.what, What::Number(_)) && value == &Some(json!(u.slice(entity.from, entity.to)))
            }),
            _ => true,
        };
        if value.is_some()
            && (out.values[p].is_none() && (sure || tool.params[p].required)
                || corrects && sure
                || sure && value != &goal.values[p] && !matches!(tool.params[p].role, Role::Text | Role::Query))
        {
            out.values[p].clone_from(value);
        }
    }
    let missing: Vec<usize> = (0..tool.params.len())
        .filter(|p| tool.params[*p].required && out.values[*p].is_none())
        .collect();
    // a bare answer to the one question that is open
    if let [p] = missing[..]
        && given.values.iter().all(|value| value.is_none())
        && tool.params[p].textual()
        && !(tool.params[p].role == Role::Id
            && memory
                .calls
                .iter()
                .any(|call| call.outcome.is_some() && matches!(call.outcome, Some(Outcome::Data(_))))
            && !u.entities.iter().any(|entity| matches!(entity.what, What::Id(_))))
        && (tool.params[p].options.is_empty() || tool.params[p].open)
        && !matches!(tool.params[p].role, Role::Date | Role::Time | Role::DateTime | Role::Email)
    {
        // "Alcohol is not covered" is the reason, whole
        let text = if tool.params[p].role == Role::Text && u.tokens.len() > 3 {
            let lead = ["because ", "it's ", "it is ", "the reason is ", "well, ", "just say ", "say "];
            let whole = u.text.trim().trim_end_matches('.');
            let lower = whole.to_lowercase();
            let skip = lead.iter().find(|lead| lower.starts_with(**lead)).map_or(0, |lead| lead.len());
            whole.get(skip..).unwrap_or(whole).to_owned()
        } else {
            bare_answer(u)
        };
        let id =
            tool.params[p].role != Role::Id || !text.contains(' ') && !u.entities.iter().any(|entity| matches!(entity.what, What::When(_)));
        if !text.is_empty() && id {
            out.values[p] = Some(json!(text));
        }
    }
    out.said.push((u.clone(), 0, u.tokens.len()));
    out.refers |= refers(u, 0, u.tokens.len());
    out
}

/// The answer without "it's", "my name is", "please".
pub(crate) fn bare_answer(u: &Utterance) -> String {
    let mut from = 0;
    if let Some(at) = (0..u.tokens.len().min(5)).rev().find(|at| {
        matches!(
            u.word(*at),
            "is" | "it's" | "be" | "i'm" | "am" | "for" | ":" | "take" | "in" | "to" | "at"
        )
    }) {
        from = at + 1;
    }
    while from < u.tokens.len()
        && matches!(
            u.word(from),
            "the" | "a" | "an" | "my" | "," | "please" | "i'd" | "like" | "i" | "want" | "oh" | "um" | "ok" | "sure" | "yes"
        )
    {
        from += 1;
    }
    let mut to = u.tokens.len();
    while to > from && matches!(u.word(to - 1), "." | "please" | "!" | "," | "thanks") {
        to -= 1;
    }
    u.slice(from, to).trim_start_matches('#').to_owned()
}

pub(crate) fn corrects(u: &Utterance) -> bool {
    u.tokens.iter().take(6).any(|token| {
        matches!(
            token.lower.as_str(),
            "no" | "actually" | "instead" | "sorry" | "meant" | "mean" | "rather" | "wait" | "wrong" | "oops"
        )
    }) || (0..u.tokens.len())
        .any(|at| u.word(at) == "make" && matches!(u.word(at + 1), "it" | "that") && at + 4 >= u.tokens.len().saturating_sub(2))
}

/// "The same for S-19", "him too": the last wish once more.
pub(crate) fn again(u: &Utterance) -> bool {
    let words: Vec<&str> = u
        .tokens
        .iter()
        .filter(|token| token.shape != Shape::Punct)
        .map(|token| token.lower.as_str())
        .collect();
    let same = words.iter().take(3).any(|word| matches!(*word, "same" | "ditto" | "likewise"));
    let too = words.len() <= 8 && (words.ends_with(&["too"]) || words.ends_with(&["as", "well"]));
    same || too
}

pub(crate) fn declines(u: &Utterance) -> bool {
    let text: Vec<&str> = u
        .tokens
        .iter()
        .filter(|token| token.shape == Shape::Word)
        .map(|token| token.lower.as_str())
        .collect();
    let joined = text.join(" ");
    u.entities.is_empty()
        && (text.len() <= 6 && matches!(text.first(), Some(&"no" | &"nope" | &"nah" | &"stop"))
            || [
                "never mind",
                "nevermind",
                "forget it",
                "forget about it",
                "no thanks",
                "cancel that",
                "don't bother",
                "leave it",
                "do nothing",
                "not now",
            ]
            .iter()
            .any(|phrase| joined.contains(phrase)))
}

pub(crate) fn smalltalk_only(u: &Utterance) -> bool {
    !matches!(small_talk(u), Reading::Nothing)
}

/// "What about Friday?", "and for Paris?", "no, at 4": the last goal with something changed.
pub(crate) fn follow_up(u: &Utterance, memory: &Memory, tools: &[ToolFacts], now: DateTime) -> Option<Vec<Goal>> {
    let last = memory.last.last()?;
    let begins = |words: &[&str]| words.iter().enumerate().all(|(index, word)| u.word(index) == *word);
    let ellipsis = begins(&["what", "about"])
        || begins(&["how", "about"])
        || begins(&["and"])
        || begins(&["same"])
        || begins(&["the", "same"])
        || begins(&["also"])
        || begins(&["or"])
        || begins(&["then"])
        || begins(&["try"])
        || begins(&["now"]);
    let short = u.tokens.len() <= 8 && !u.entities.is_empty();
    let picks = refers(u, 0, u.tokens.len()) && u.tokens.len() <= 8;
    if !(ellipsis || corrects(u) || again(u) || short || picks) || u.tokens.len() > 16 {
        return None;
    }
    let tool = &tools[last.tool];
    let lead = usize::from(ellipsis)
        + usize::from(matches!(u.word(1), "about" | "same" | "for" | "how" | "what") && ellipsis)
        + usize::from(u.word(2) == "about" && ellipsis);
    let mut clause = analyse(u, lead.min(u.tokens.len().saturating_sub(1)), u.tokens.len());
    clause.verb_at.clear();
    let mut given = assign(u, &clause, &[], tool, now);
    if given.values.iter().all(Option::is_none) && u.entities.is_empty() && !shifted(&mut last.clone(), u, tool) {
        return None;
    }
    let mut goal = last.clone();
    let mut changed = shifted(&mut goal, u, tool);
    let moved = changed;
    // "no, PO-34", "and the 41?"
    let instead = replaced(u, &goal, tool, &given.values);
    if let Some((p, said)) = &instead {
        goal.values[*p] = Some(json!(said));
        changed = true;
    }
    id_in_its_place(u, &goal, tool, &mut given.values);
    for (p, value) in given.values.iter().enumerate().filter(|_| instead.is_none()) {
        let mention = u.entities.iter().any(|entity| given.taken[entity.from]);
        if moved && !mention {
            break;
        }
        // beside a mention, loose words change nothing: "one for Tuesday, same car"
        let loose = matches!(tool.params[p].role, Role::Thing | Role::Person | Role::Place | Role::Query | Role::Text)
            && goal.values[p].is_some()
            && !u.entities.iter().any(|entity| {
                matches!(&entity.what, What::Proper(text) | What::Id(text) | What::Quoted(text) | What::Email(text) if value == &Some(json!(text)))
            });
        if loose && !u.entities.is_empty() {
            continue;
        }
        if value.is_some() && *value != goal.values[p] {
            goal.values[p].clone_from(value);
            changed = true;
        }
    }
    // "and for five?": the one number that there was
    if !changed
        && let [only] = &u.entities[..]
        && let What::Number(value) = only.what
    {
        let numeric: Vec<usize> = (0..tool.params.len())
            .filter(|p| goal.values[*p].as_ref().is_some_and(Value::is_number))
            .collect();
        if let [p] = numeric[..] {
            goal.values[p] = Some(crate::values::number(value, &tool.params[p]));
            changed = true;
        }
    }
    let time_only = u
        .entities
        .iter()
        .any(|entity| matches!(entity.what, What::When(_) | What::Ordinal(_)));
    if !changed && !time_only {
        return None;
    }
    goal.condition = None;
    // "the first one too": what told which one before does so no longer
    if u.entities.iter().any(|entity| matches!(entity.what, What::Ordinal(_))) {
        goal.said.clear();
        goal.refers = true;
        for (p, param) in tool.params.iter().enumerate() {
            if param.role == Role::Id && given.values[p].is_none() {
                goal.values[p] = None;
            }
        }
    }
    goal.said.push((u.clone(), 0, u.tokens.len()));
    // something that was done already is better changed than done twice
    let of_class = |tool: &ToolFacts, class: &str| tool.verbs.iter().any(|verb| thesaurus().has_class(verb, class));
    if corrects(u) && of_class(tool, "create") && !of_class(tool, "update") {
        let update = (0..tools.len())
            .filter(|index| *index != last.tool && !tools[*index].reads)
            .find(|index| {
                of_class(&tools[*index], "update")
                    && tools[*index]
                        .words
                        .iter()
                        .any(|word| tool.words.iter().any(|other| thesaurus().similarity(word, other) >= 0.8))
            });
        if let Some(update) = update {
            let given = assign(u, &clause, &[], &tools[update], now);
            if given.values.iter().any(Option::is_some) {
                return Some(vec![Goal {
                    tool: update,
                    values: given.values,
                    said: vec![(u.clone(), 0, u.tokens.len())],
                    condition: None,
                    refers: true,
                }]);
            }
        }
    }
    Some(vec![goal])
}

/// "And PO-7801 gets four": the one id that is said belongs where one of its kind was.
fn id_in_its_place(u: &Utterance, goal: &Goal, tool: &ToolFacts, given: &mut [Option<Value>]) {
    let ids: Vec<&String> = u.ids().collect();
    let [id] = ids[..] else { return };
    let alike = |text: &str| form(text) == form(id) && prefix(text) == prefix(id);
    let fitting: Vec<usize> = (0..tool.params.len())
        .filter(|p| goal.values[*p].as_ref().and_then(Value::as_str).is_some_and(alike))
        .collect();
    let here = |value: &Option<Value>| *value == Some(json!(id));
    // "to AC-9 instead": a beginning and an end are told apart by what was said
    let settled = tool
        .params
        .iter()
        .zip(&*given)
        .any(|(param, value)| here(value) && param.end != End::None);
    if let ([p], false) = (&fitting[..], settled) {
        given.iter_mut().filter(|value| here(value)).for_each(|value| *value = None);
        given[*p] = Some(json!(id));
    }
}

/// What the text gives in the place of a value that looks alike: "PO-34" for "PO-33", "15 Harbour Steps" for "5 Harbour Steps".
/// Not where the text was read as the value of another parameter.
fn replaced(u: &Utterance, goal: &Goal, tool: &ToolFacts, given: &[Option<Value>]) -> Option<(usize, String)> {
    let lead = |word: &str| {
        matches!(
            word,
            "no" | "sorry"
                | "and"
                | "i"
                | "meant"
                | "mean"
                | "the"
                | "same"
                | "for"
                | "it's"
                | "its"
                | "is"
                | "was"
                | "make"
                | "it"
                | "that"
                | "to"
                | "in"
                | "on"
                | "at"
                | "with"
                | "of"
                | "what"
                | "about"
                | "actually"
                | "oops"
                | "wait"
                | "rather"
                | "instead"
                | "also"
                | "please"
                | "now"
                | "from"
                | "by"
                | "too"
        )
    };
    let skipped = |at: usize| u.tokens[at].shape == Shape::Punct || lead(&u.tokens[at].lower);
    let from = (0..u.tokens.len()).find(|at| !skipped(*at))?;
    let to = (from..u.tokens.len()).rev().find(|at| !skipped(*at))? + 1;
    let dated = |entity: &Entity| matches!(entity.what, What::When(_) | What::Ordinal(_));
    if to - from > REPLACED_MAX || u.entities.iter().any(dated) {
        return None;
    }
    let said = u.slice(from, to).trim_start_matches('#');
    let digits = said.chars().any(|c| c.is_ascii_digit());
    let name = said.split(' ').all(|word| word.starts_with(char::is_uppercase));
    let alike = |p: &usize| match &goal.values[*p] {
        Some(Value::String(text)) if replaceable(&tool.params[*p]) => {
            let shared = text
                .split(' ')
                .filter(|word| word.len() > 2 && !is_stop(&word.to_lowercase()) && said.split(' ').any(|other| other == *word))
                .count();
            let alike = digits || name && matches!(tool.params[*p].role, Role::Person | Role::Place);
            text != said && (alike && form(text) == form(said) || shared > 0 && text.contains(' ') && said.contains(' '))
        }
        _ => false,
    };
    let fitting: Vec<usize> = (0..tool.params.len()).filter(alike).collect();
    let elsewhere =
        |p: usize| (0..given.len()).any(|other| other != p && given[other].as_ref().is_some_and(|value| value.as_str() == Some(said)));
    match fitting[..] {
        [p] if !elsewhere(p) => Some((p, said.to_owned())),
        _ => None,
    }
}

/// Whether a look alike is enough to take the place of a value: not of a day, of a story or of one of a few.
fn replaceable(param: &Param) -> bool {
    let free = !matches!(param.role, Role::Text | Role::Query | Role::Date | Role::Time | Role::DateTime);
    free && param.options.is_empty()
}

/// "And the day after?", "and back?": the same with its day moved, or the other way round.
fn shifted(goal: &mut Goal, u: &Utterance, tool: &ToolFacts) -> bool {
    use jiff::ToSpan;
    let text = u.tokens.iter().map(|token| token.lower.as_str()).collect::<Vec<_>>().join(" ");
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let mut changed = false;
    let days: Option<i64> = if has(&["day after tomorrow", "day before yesterday"]) {
        None
    } else if has(&["the day after", "the next day", "the following day", "a day later", "one day later"]) {
        Some(1)
    } else if has(&["the day before", "the previous day", "a day earlier", "one day earlier"]) {
        Some(-1)
    } else if has(&["the week after", "the following week", "a week later", "one week later"]) {
        Some(7)
    } else if has(&["the week before", "a week earlier"]) {
        Some(-7)
    } else {
        None
    };
    if let Some(days) = days {
        for (param, value) in tool.params.iter().zip(&mut goal.values) {
            let date = value
                .as_ref()
                .and_then(Value::as_str)
                .and_then(|text| text.parse::<jiff::civil::Date>().ok());
            if let Some(moved) = date
                .filter(|_| param.role == Role::Date)
                .and_then(|date| date.checked_add(days.days()).ok())
            {
                *value = Some(crate::values::date(moved, param));
                changed = true;
            }
        }
    }
    if has(&[
        "other way",
        "and back",
        "way back",
        "opposite direction",
        "reverse",
        "return trip",
        "vice versa",
    ]) {
        let find = |end: End| {
            (0..tool.params.len()).find(|p| {
                tool.params[*p].end == end
                    && tool.params[*p].textual()
                    && !matches!(tool.params[*p].role, Role::Date | Role::Time | Role::DateTime)
            })
        };
        if let (Some(a), Some(b)) = (find(End::From), find(End::To)) {
            goal.values.swap(a, b);
            changed = true;
        }
    }
    changed
}

pub(crate) fn about_us(u: &Utterance) -> bool {
    let text = u.text.to_lowercase();
    [
        "who are you",
        "what are you",
        "are you a bot",
        "are you human",
        "are you an ai",
        "are you a robot",
        "what can you do",
        "how can you help",
        "what do you do",
        "are you real",
        "which model",
        "what model",
        "help me understand what you",
        "your capabilities",
        "what can i ask",
        "what else can you",
    ]
    .iter()
    .any(|phrase| text.contains(phrase))
        || text.trim_matches(['?', '!', '.', ' ']) == "help"
}

pub(crate) fn small_talk(u: &Utterance) -> Reading {
    let words: Vec<&str> = u
        .tokens
        .iter()
        .filter(|token| token.shape == Shape::Word)
        .map(|token| token.lower.as_str())
        .collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let text = words.join(" ");
    if words.len() <= 8
        && (has(&[
            "thanks",
            "thank",
            "thx",
            "cheers",
            "great",
            "perfect",
            "awesome",
            "cool",
            "wonderful",
            "excellent",
        ]))
    {
        return Reading::Thanks;
    }
    if words.len() <= 6 && (has(&["bye", "goodbye", "ciao", "farewell"]) || text.contains("see you") || text.contains("good night")) {
        return Reading::Goodbye;
    }
    if words.len() <= 8
        && (has(&["hi", "hello", "hey", "greetings", "howdy", "yo"])
            || text.starts_with("good morning")
            || text.starts_with("good afternoon")
            || text.starts_with("good evening")
            || text.contains("how are you"))
    {
        return Reading::Greeting;
    }
    if words.len() <= 3 && has(&["yes", "yeah", "yep", "sure", "ok", "okay", "correct", "right"]) {
        return Reading::Agreement;
    }
    Reading::Nothing
}
