//! Free text behind a cue: "saying …", "because …", "called …", "remind me to …".

use serde_json::json;

use crate::arguments::Work;
use crate::schema::{Param, Role, Type};
use bedplate_language::entities::What;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::when::When;
use bedplate_language::words::{is_determiner, is_preposition, is_pronoun};

/// How a cue reaches: to the end, or to the next date, address or cue.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    All,
    Short,
}

/// What a cue introduces.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Message,
    Reason,
    Topic,
    Title,
    Task,
}

pub(crate) fn cue(work: &Work, at: usize) -> Option<(Kind, usize, Reach)> {
    let word = |offset: usize| work.u.word(at + offset);
    let before = at.checked_sub(1).map_or("", |index| work.u.word(index));
    let colon = |offset: usize| usize::from(matches!(word(offset), ":" | "that" | "-"));
    match word(0) {
        "saying" | "says" | "stating" | "reading" | "reads" => Some((Kind::Message, 1 + colon(1), Reach::All)),
        "that"
            if work.within(at)
                && (matches!(before, "him" | "her" | "them" | "everyone" | "team" | "know" | "me")
                    || work
                        .u
                        .entities
                        .iter()
                        .any(|entity| entity.to == at && matches!(entity.what, What::Proper(_) | What::Email(_))))
                && !matches!(word(1), "is" | "was") =>
        {
            Some((Kind::Message, 1, Reach::All))
        }
        "telling" | "tell" | "informing" if is_pronoun(word(1)) && word(1) != "it" => Some((Kind::Message, 2 + colon(2), Reach::All)),
        "because" => Some((Kind::Reason, if word(1) == "of" { 2 } else { 1 }, Reach::All)),
        "due" if word(1) == "to" => Some((Kind::Reason, 2, Reach::All)),
        "since"
            if matches!(word(1), "i" | "it" | "the" | "my" | "we" | "they")
                && !work
                    .u
                    .entities
                    .iter()
                    .any(|entity| entity.from == at + 1 || entity.from == at + 2 && matches!(entity.what, What::When(_))) =>
        {
            Some((Kind::Reason, 1, Reach::All))
        }
        "as" if matches!(word(1), "it" | "i" | "we" | "they" | "my")
            && matches!(word(2), "is" | "was" | "am" | "are" | "has" | "have" | "arrived" | "came") =>
        {
            Some((Kind::Reason, 1, Reach::All))
        }
        "about" | "regarding" | "concerning" => Some((Kind::Topic, 1, Reach::Short)),
        "called" | "named" | "titled" | "entitled" | "labeled" | "labelled" => Some((Kind::Title, 1, Reach::Short)),
        "to" if remindable(work)
            && thesaurus().is_verb(&work.u.tokens.get(at + 1)?.stem)
            && (before == "me"
                || before == "us"
                || matches!(before, "task" | "reminder" | "todo" | "note" | "item")
                || work.u.entities.iter().any(|entity| entity.to == at)) =>
        {
            Some((Kind::Task, 1, Reach::Short))
        }
        "to" if remindable(work) && matches!(before, "me" | "us" | "task" | "reminder" | "todo") => Some((Kind::Task, 1, Reach::Short)),
        "tell" | "inform" | "remind" | "note" | "mention" | "say" | "add" | "know" | "warn" | "stress" if told_that(work, at).is_some() => {
            Some((Kind::Message, told_that(work, at)?, Reach::All))
        }
        ":" => {
            // facts behind a colon are no text: "quote: Danish to Swedish, 800 words"
            let facts = work
                .u
                .entities
                .iter()
                .filter(|entity| {
                    entity.from > at && work.within(entity.from) && !matches!(entity.what, What::When(When::Part(..)) | What::Quoted(_))
                })
                .count();
            let label = at > 0
                && (0..work.tool.params.len()).any(|p| {
                    let param = &work.tool.params[p];
                    matches!(param.role, Role::Text | Role::Query) && param.words.contains(&work.u.tokens[at - 1].stem)
                });
            let wanted = work.tool.params.iter().any(|param| param.required && param.role == Role::Text);
            (label || wanted || facts < 2).then_some((Kind::Message, 1, Reach::All))
        }
        _ => None,
    }
}

/// "Tell the crew that …", "note that …": the number of words before the text.
fn told_that(work: &Work, at: usize) -> Option<usize> {
    (1..6)
        .find(|offset| work.u.word(at + offset) == "that")
        .map(|offset| offset + 1)
        .filter(|_| {
            // "tell me that" asks
            !matches!(work.u.word(at + 1), "me" | "us")
        })
}

pub(crate) fn remindable(work: &Work) -> bool {
    work.tool
        .words
        .iter()
        .chain(&work.tool.about)
        .any(|word| matches!(word.as_str(), "remind" | "reminder" | "task" | "todo" | "note" | "list"))
}

/// Which of the tool's text parameters a cue fills.
pub(crate) fn suits(param: &Param, kind: Kind) -> f64 {
    if !param.textual() || !param.options.is_empty() && !param.open || matches!(param.ty, Type::Object | Type::List) {
        return 0.0;
    }
    let about = param.description.to_lowercase();
    let has = |words: &[&str]| {
        param.is_any(words)
            || words.iter().any(|word| {
                param
                    .words
                    .iter()
                    .any(|own| thesaurus().groups_shared(own, &bedplate_language::stem::stem(word)))
            })
    };
    let why = about.starts_with("why") || about.contains("reason");
    let role = match param.role {
        Role::Text => 1.0,
        Role::Query => 0.8,
        Role::Thing => 0.3,
        Role::Option if param.open => 0.3,
        _ => return 0.0,
    };
    let message = has(&[
        "message",
        "messag",
        "text",
        "body",
        "content",
        "note",
        "comment",
        "feedback",
        "caption",
        "announcement",
        "announc",
    ]);
    let reason = has(&[
        "reason",
        "justification",
        "justif",
        "justific",
        "cause",
        "caus",
        "explanation",
        "purpos",
    ]);
    let topic = has(&[
        "subject", "topic", "title", "query", "question", "about", "keyword", "agenda", "purpos", "reason",
    ]);
    let title = has(&["title", "name", "label", "subject", "headline"]);
    let task = has(&[
        "task",
        "title",
        "text",
        "message",
        "messag",
        "description",
        "descript",
        "reminder",
        "remind",
        "note",
        "what",
        "content",
        "name",
        "todo",
        "item",
    ]);
    let detail = has(&[
        "description",
        "descript",
        "detail",
        "issue",
        "issu",
        "problem",
        "summary",
        "complaint",
        "symptom",
        "remark",
        "note",
        "comment",
    ]);
    let role = role + if param.required { 2.5 } else { 0.0 };
    role + match kind {
        Kind::Message if message => 3.0,
        Kind::Message if detail => 2.0,
        Kind::Message if reason || param.role == Role::Query => 0.5,
        Kind::Message if param.role == Role::Thing && param.required => 0.0,
        Kind::Message if param.role == Role::Thing => return 0.0,
        Kind::Message => 0.8,
        Kind::Reason if reason || why => 4.0,
        Kind::Reason if detail || message => 2.0,
        Kind::Reason => return 0.0,
        Kind::Topic if topic => 3.0,
        Kind::Topic if detail || param.role == Role::Query => 2.0,
        Kind::Topic if param.role == Role::Text => 0.6,
        Kind::Topic => return 0.0,
        Kind::Title if title => 4.0,
        Kind::Title if param.role == Role::Thing => 1.0,
        Kind::Title => return 0.0,
        Kind::Task if task => 3.0,
        Kind::Task if param.role == Role::Text => 1.0,
        Kind::Task => return 0.0,
    }
}

/// First pass: text behind a cue.
pub(crate) fn free_text(work: &mut Work, from: usize, to: usize) {
    let mut at = from;
    while at < to {
        let found = own_name(work, at).or_else(|| {
            let (kind, skip, reach) = cue(work, at)?;
            let best = (0..work.tool.params.len())
                .filter(|p| work.out.values[*p].is_none())
                .map(|p| (suits(&work.tool.params[p], kind), p))
                .filter(|(score, _)| *score > 0.0)
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
            Some((best.1, skip, reach, kind))
        });
        // "the printer called Otter": the name of what stands before
        let found = found.map(|(p, skip, reach, kind)| {
            let before = at.checked_sub(1).map(|index| work.u.tokens[index].stem.clone());
            let named = matches!(work.u.word(at), "called" | "named")
                .then(|| {
                    (0..work.tool.params.len()).find(|p| {
                        let param = &work.tool.params[*p];
                        work.out.values[*p].is_none()
                            && param.textual()
                            && before
                                .as_ref()
                                .is_some_and(|before| param.words.iter().any(|word| thesaurus().similarity(word, before) >= 0.8))
                    })
                })
                .flatten();
            (named.unwrap_or(p), skip, reach, kind)
        });
        let Some((p, skip, reach, kind)) = found else {
            at += 1;
            continue;
        };
        let start = at + skip;
        let mut end = start;
        while end < to {
            if end > start
                && (own_name(work, end).is_some()
                    || (cue(work, end).is_some_and(|(other, ..)| {
                        other != kind && (reach == Reach::Short || matches!(other, Kind::Message) && work.u.word(end) == "saying")
                    })))
            {
                break;
            }
            if work.u.word(end) == "and" && end + 1 < to && (own_name(work, end + 1).is_some()) {
                break;
            }
            if kind == Kind::Title && reach == Reach::Short && end > start && work.u.word(end) == "," {
                break;
            }
            if reach == Reach::Short && stops(work, start, end) {
                break;
            }
            end += 1;
        }
        while end > start
            && (matches!(
                work.u.word(end - 1),
                "," | "please" | "and" | "." | "with" | "at" | "on" | "by" | "for" | "in" | "to" | "from" | "until" | "thanks" | ":"
            ) || is_determiner(work.u.word(end - 1)) && kind != Kind::Message)
        {
            end -= 1;
        }
        let mut begin = start;
        if matches!(kind, Kind::Topic | Kind::Title) {
            while begin < end && matches!(work.u.word(begin), "the" | "my" | "a" | "an" | "our") {
                begin += 1;
            }
        }
        if begin >= end {
            at += 1;
            continue;
        }
        let quoted = work.u.entities.iter().find_map(|entity| match &entity.what {
            What::Quoted(text) if entity.from == begin && (entity.to == end || kind != Kind::Message) => Some(text.clone()),
            _ => None,
        });
        let end = if quoted.is_some() { begin + 1 } else { end };
        let text = quoted.unwrap_or_else(|| work.u.slice(begin, end).trim().to_owned());
        work.set(p, json!(text), 0.8);
        work.take(at, end);
        at = end.max(at + 1);
    }
}

/// "Subject Budget", "reason: too small", "with the note ring twice": a text parameter called by its own name.
pub(crate) fn own_name(work: &Work, at: usize) -> Option<(usize, usize, Reach, Kind)> {
    let before = at.checked_sub(1).map_or("", |index| work.u.word(index));
    let next = work.u.tokens.get(at + 1)?;
    let token = &work.u.tokens[at];
    if token.shape != Shape::Word || is_preposition(&token.lower) {
        return None;
    }
    let colon = next.text == ":" || next.text == "=" || matches!(next.lower.as_str(), "is" | "should" | "saying" | "reads");
    let led = matches!(before, "with" | "subject" | "," | "and" | "")
        || is_determiner(before) && at > 1 && matches!(work.u.word(at - 2), "with" | "and" | ",");
    // "set my status to in a meeting"
    let set = next.lower == "to"
        && work
            .verb_at
            .iter()
            .any(|at| thesaurus().has_class(&work.u.tokens[*at].stem, "update"));
    if !colon && !set && !(led && matches!(before, "with" | "and" | "the" | "a" | ",")) {
        return None;
    }
    if !colon && !set && (is_preposition(&next.lower) || next.shape == Shape::Punct) {
        return None;
    }
    let p = (0..work.tool.params.len()).find(|p| {
        let param = &work.tool.params[*p];
        work.out.values[*p].is_none()
            && (matches!(param.role, Role::Text | Role::Query) || set && param.role == Role::Thing && param.options.is_empty())
            && param.textual()
            && param
                .words
                .last()
                .is_some_and(|word| *word == token.stem || thesaurus().similarity(word, &token.stem) >= 0.8)
    });
    let p = p.or_else(|| {
        // "with the words …": what the description calls it
        (0..work.tool.params.len()).find(|p| {
            let param = &work.tool.params[*p];
            matches!(before, "the" | "a" | "with")
                && work.out.values[*p].is_none()
                && matches!(param.role, Role::Text | Role::Thing)
                && param.textual()
                && param.options.is_empty()
                && param.about.first().is_some_and(|word| *word == token.stem)
        })
    })?;
    let mut skip = 1;
    while matches!(
        work.u.word(at + skip),
        ":" | "=" | "is" | "saying" | "should" | "be" | "that" | "reads" | "of"
    ) || set && skip == 1
    {
        skip += 1;
    }
    let short = set || work.tool.params[p].role == Role::Query;
    Some((p, skip, if short { Reach::Short } else { Reach::All }, Kind::Title))
}

pub(crate) fn stops(work: &Work, start: usize, at: usize) -> bool {
    let wants_time = work
        .tool
        .params
        .iter()
        .any(|param| matches!(param.role, Role::Date | Role::Time | Role::DateTime | Role::Length) || param.is_any(&["year", "month"]));
    let entity_at = |index: usize| work.u.entities.iter().find(|entity| entity.from == index);
    let ends_it = |index: usize| {
        entity_at(index).is_some_and(|entity| match &entity.what {
            What::When(When::Part(..)) => false,
            What::When(_) => wants_time,
            What::Email(_) | What::Id(_) => work.tool.params.iter().any(|param| matches!(param.role, Role::Email | Role::Id)),
            What::Money(..) => true,
            What::Quoted(_) => index > start,
            _ => false,
        })
    };
    if ends_it(at) {
        return at > start || !matches!(entity_at(at).map(|entity| &entity.what), Some(What::Quoted(_)));
    }
    let word = work.u.word(at);
    if at > start && (is_preposition(word) || is_determiner(word)) {
        if ends_it(at + 1) || is_determiner(work.u.word(at + 1)) && ends_it(at + 2) {
            return true;
        }
        // "about the budget with Anna", "called Launch in the Blue project"
        let role = if matches!(word, "with" | "for" | "to" | "in" | "at" | "from" | "by") {
            let next = at + 1 + usize::from(is_determiner(work.u.word(at + 1)));
            let named = entity_at(next).is_some_and(|entity| matches!(entity.what, What::Proper(_) | What::Number(_)));
            let noun = (next..next + 4).any(|index| {
                work.u.tokens.get(index).is_some_and(|token| {
                    work.tool.params.iter().any(|param| {
                        !matches!(param.role, Role::Text | Role::Query) && param.nouns().iter().any(|noun| *noun == token.stem)
                    })
                })
            });
            named || noun
        } else {
            false
        };
        return role;
    }
    word == ","
        && at > start
        && work
            .u
            .tokens
            .get(at + 1)
            .is_some_and(|next| is_preposition(&next.lower) || next.lower == "priority" || ends_it(at + 1))
}
