//! Values that are plain words: free text behind a cue, and phrases that no mention has claimed.

use serde_json::{Value, json};

use crate::arguments::Work;
use crate::schema::{End, Param, Role, Type};
use crate::told::{foreign, id_examples, of_kind};
use bedplate_language::entities::What;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::when::is_calendar_word;
use bedplate_language::words::{
    is_auxiliary, is_coined, is_determiner, is_filler, is_modal, is_negation, is_preposition, is_pronoun, is_question_word, is_stop,
};

/// Longest value that a phrase without a cue may have, in words.
const PHRASE_WORDS_MAX: usize = 8;

/// A run of words that is still free.
struct Phrase {
    prep: String,
    from: usize,
    to: usize,
}

fn phrases(work: &Work) -> Vec<Phrase> {
    let mut out: Vec<Phrase> = Vec::new();
    for (from, to) in &work.spans {
        let mut prep = String::new();
        let mut start: Option<usize> = None;
        for at in *from..=*to {
            let end = at == *to;
            let token = work.u.tokens.get(at).filter(|_| !end);
            let word = token.map_or("", |token| token.lower.as_str());
            let when =
                work.u.entities.iter().any(|entity| {
                    entity.from <= at && at < entity.to && matches!(entity.what, What::When(_) | What::Email(_) | What::Url(_))
                });
            let cut = end
                || when
                || work.out.taken[at]
                || work.verb_at.contains(&at)
                || token.is_none_or(|token| {
                    token.shape == Shape::Punct || token.shape == Shape::Id && foreign(&token.text, "", &work.tool.prefixes)
                })
                || is_preposition(word)
                || at > 0
                    && work.u.word(at - 1) == "to"
                    && thesaurus().is_imperative(word)
                    && work.u.tokens.get(at).is_some_and(|token| !work.tool.words.contains(&token.stem))
                || matches!(
                    word,
                    "and" | "or" | "but" | "please" | "that" | "which" | "who" | "is" | "are" | "was" | "if" | "then"
                )
                || is_pronoun(word) && !is_determiner(word)
                || at > 0
                    && word.ends_with("ing")
                    && matches!(
                        work.u.word(at - 1),
                        "am" | "is" | "are" | "was" | "were" | "i'm" | "we're" | "it's" | "he's" | "she's" | "they're"
                    )
                || at > 0 && matches!(work.u.word(at - 1), "you" | "we" | "they" | "i" | "he" | "she") && !is_determiner(word)
                || at > 0 && word.len() <= 3 && work.u.tokens[at - 1].shape == Shape::Number
                || at > 0
                    && word.ends_with("ed")
                    && matches!(
                        work.u.word(at - 1),
                        "be" | "been" | "being" | "is" | "are" | "was" | "were" | "get" | "got"
                    )
                || matches!(
                    word,
                    "nobody"
                        | "none"
                        | "least"
                        | "most"
                        | "minimum"
                        | "maximum"
                        | "same"
                        | "instead"
                        | "needs"
                        | "wants"
                        | "requires"
                        | "living"
                        | "lives"
                        | "knows"
                        | "takes"
                        | "says"
                        | "say"
                        | "else"
                        | "until"
                        | "forgot"
                        | "goes"
                )
                || matches!(
                    word,
                    "i" | "me"
                        | "you"
                        | "we"
                        | "us"
                        | "to"
                        | "i'd"
                        | "not"
                        | "did"
                        | "what's"
                        | "it's"
                        | "do"
                        | "does"
                        | "have"
                        | "has"
                        | "can"
                        | "could"
                        | "there"
                        | "what"
                        | "how"
                        | "where"
                        | "when"
                        | "so"
                        | "want"
                        | "need"
                        | "like"
                        | "would"
                        | "let"
                        | "know"
                        | "some"
                        | "any"
                        | "no"
                );
            if cut {
                if let Some(begin) = start.take() {
                    push(work, &prep, begin, at, &mut out);
                    // what follows `and` shares the preposition
                    if !matches!(word, "and" | "or" | ",") {
                        prep.clear();
                    }
                }
                let infinitive = word == "to"
                    && thesaurus().is_imperative(work.u.word(at + 1))
                    && work.u.tokens.get(at + 1).is_some_and(|next| !thesaurus().is_noun(&next.stem));
                if !end && is_preposition(word) && !work.verb_at.contains(&at) && !infinitive {
                    prep = word.to_owned();
                } else if !end && (work.out.taken[at] || when) {
                    prep.clear();
                }
            } else if start.is_none() {
                start = Some(at);
            }
        }
    }
    out
}

fn push(work: &Work, prep: &str, from: usize, to: usize, out: &mut Vec<Phrase>) {
    let (mut from, mut to) = (from, to);
    let empty = |at: usize| {
        let token = &work.u.tokens[at];
        token.shape != Shape::Quoted
            && !work.u.entities.iter().any(|entity| entity.from <= at && at < entity.to)
            && (is_determiner(&token.lower)
                || is_filler(&token.lower)
                    && !matches!(
                        token.lower.as_str(),
                        "morning" | "evening" | "afternoon" | "right" | "good" | "first" | "back"
                    )
                || is_stop(&token.lower)
                || is_question_word(&token.lower)
                || is_auxiliary(&token.lower)
                || is_modal(&token.lower)
                || is_negation(&token.lower)
                || is_calendar_word(&token.lower)
                || matches!(
                    token.lower.as_str(),
                    "somebody"
                        | "someone"
                        | "something"
                        | "anybody"
                        | "anything"
                        | "everything"
                        | "people"
                        | "someone's"
                        | "person"
                        | "thing"
                        | "things"
                        | "stuff"
                        | "ones"
                        | "last"
                        | "latest"
                        | "recent"
                        | "top"
                        | "next"
                        | "previous"
                        | "past"
                        | "upcoming"
                ))
    };
    while from < to && empty(from) {
        from += 1;
    }
    while to > from && empty(to - 1) {
        to -= 1;
    }
    if from < to {
        out.push(Phrase {
            prep: prep.to_owned(),
            from,
            to,
        });
    }
}

/// Last pass: parameters that take plain words get the phrase that suits them best.
pub(crate) fn fill(work: &mut Work) {
    by_noun(work);
    let mut tried = 0;
    loop {
        tried += 1;
        let list = phrases(work);
        let mut best: Option<(f64, usize, usize, usize)> = None;
        for phrase in &list {
            for (p, param) in work.tool.params.iter().enumerate() {
                if work.out.values[p].is_some() || !param.textual() || param.ty == Type::Object {
                    continue;
                }
                let Some((from, to)) = trimmed(work, phrase, param) else { continue };
                let score = suit(work, phrase, from, to, param);
                if score >= 2.0 && best.is_none_or(|known| score > known.0) {
                    best = Some((score, p, from, to));
                }
            }
        }
        let Some((score, p, from, to)) = best else { break };
        let to = if matches!(work.tool.params[p].role, Role::Query | Role::Text | Role::Thing) {
            extend(work, p, to)
        } else {
            to
        };
        let text = phrase_text(work, from, to);
        if work.tool.params[p].ty == Type::List {
            let items = list_items(work, from, to);
            work.set(p, items, score / 12.0);
        } else {
            work.set(p, json!(text), score / 12.0);
        }
        work.take(from, to);
        if tried > 20 {
            break;
        }
    }
    crate::statement::statement(work);
}

fn phrase_text(work: &Work, from: usize, to: usize) -> String {
    let text = work.u.slice(from, to).trim();
    let text = text.trim_end_matches("'s").trim_end_matches("’s");
    text.trim_matches(['"', '“', '”']).to_owned()
}

/// "Running shoes for kids", "milk and eggs": a query takes what belongs to it.
fn extend(work: &Work, p: usize, to: usize) -> usize {
    let param = &work.tool.params[p];
    if param.ty == Type::List {
        let mut end = to;
        while end < work.u.tokens.len()
            && work.within(end)
            && !work.out.taken[end]
            && (matches!(work.u.word(end), "," | "and" | "&")
                || !is_preposition(work.u.word(end)) && work.u.tokens[end].shape == Shape::Word && !is_calendar_word(work.u.word(end)))
        {
            end += 1;
        }
        while end > to && matches!(work.u.word(end - 1), "," | "and" | "&" | "please") {
            end -= 1;
        }
        return end;
    }
    if matches!(work.u.word(to), "with" | "of" | "and" | "&" | "for" | "in" | "on" | "from")
        && work.within(to)
        && matches!(param.role, Role::Query | Role::Text)
    {
        let others = work.tool.params.iter().enumerate().any(|(other, param)| {
            other != p
                && work.out.values[other].is_none()
                && match work.u.word(to) {
                    "for" => matches!(param.role, Role::Person | Role::Thing),
                    "in" | "on" | "from" => matches!(param.role, Role::Place | Role::Thing | Role::Option),
                    _ => param.role == Role::Text && work.u.word(to) == "with",
                }
        });
        let mut end = to + 1;
        while end < work.u.tokens.len()
            && work.within(end)
            && !work.out.taken[end]
            && work.u.tokens[end].shape == Shape::Word
            && !matches!(work.u.word(end), "please" | "in" | "at" | "to" | "under" | "below" | "by" | "from")
            && !is_calendar_word(work.u.word(end))
        {
            end += 1;
        }
        if !others
            && end > to + 1
            && end - to <= 5
            && !work
                .u
                .entities
                .iter()
                .any(|entity| entity.from > to && entity.from <= end && matches!(entity.what, What::When(_) | What::Money(..)))
        {
            return end;
        }
    }
    to
}

fn list_items(work: &Work, from: usize, to: usize) -> Value {
    let mut items: Vec<Value> = Vec::new();
    let mut start = from;
    for at in from..=to {
        if at == to || matches!(work.u.word(at), "," | "and" | "&" | "or") {
            let mut begin = start;
            while begin < at && is_determiner(work.u.word(begin)) {
                begin += 1;
            }
            if begin < at {
                items.push(json!(phrase_text(work, begin, at)));
            }
            start = at + 1;
        }
    }
    Value::Array(items)
}

/// "Room 12", "the marketing department", "table by the window": a phrase with the parameter's own noun.
fn by_noun(work: &mut Work) {
    let known = thesaurus();
    for p in 0..work.tool.params.len() {
        let param = &work.tool.params[p];
        if work.out.values[p].is_some()
            || !param.textual()
            || !matches!(param.role, Role::Thing | Role::Id | Role::Option | Role::Place | Role::Person)
            || !param.options.is_empty() && !param.open
        {
            continue;
        }
        let nouns: Vec<String> = param.nouns().into_iter().map(str::to_owned).collect();
        let mut found = None;
        for at in 0..work.u.tokens.len() {
            let token = &work.u.tokens[at];
            if !work.within(at)
                || work.out.taken[at]
                || work.verb_at.contains(&at)
                || token.shape != Shape::Word
                || !nouns.iter().any(|noun| known.similarity(noun, &token.stem) >= 0.8)
            {
                continue;
            }
            let exact = nouns.contains(&token.stem);
            let tool_noun = work.tool.words.contains(&token.stem) && !exact;
            // behind: a number, a code, a single letter, a name
            let mut next = at + 1;
            while matches!(
                work.u.word(next),
                "number" | "no" | "id" | "called" | "named" | "is" | "#" | ":" | "code" | "." | "name"
            ) && next < at + 4
            {
                next += 1;
            }
            let behind =
                work.u
                    .tokens
                    .get(next)
                    .filter(|_| work.within(next) && !work.out.taken[next])
                    .is_some_and(|token| {
                        matches!(token.shape, Shape::Number | Shape::Id | Shape::Quoted)
                            && !work.u.entities.iter().any(|entity| {
                                entity.from == next && matches!(entity.what, What::When(_) | What::Money(..) | What::Percent(_))
                            })
                            || token.text.len() == 1 && token.text.chars().all(|c| c.is_ascii_uppercase()) && token.text != "I"
                            || work
                                .u
                                .entities
                                .iter()
                                .any(|entity| entity.from == next && matches!(entity.what, What::Proper(_)))
                            || next > at + 1 && token.shape == Shape::Word && !is_stop(&token.lower) && !is_preposition(&token.lower)
                    });
            let kind = param.role != Role::Id
                || id_examples(&param.shows).is_empty()
                || work.u.tokens.get(next).is_some_and(|token| {
                    token.shape == Shape::Id && of_kind(&token.text, &param.shows, &work.tool.prefixes) || token.shape == Shape::Number
                });
            // a name where an id is wanted is looked up, when there is a tool for that
            let looked_up = param.role == Role::Id
                && work.tool.supplier.is_some()
                && work
                    .u
                    .entities
                    .iter()
                    .any(|entity| entity.from == next && matches!(&entity.what, What::Proper(text) if text.len() > 4));
            if behind && !tool_noun && kind && !looked_up {
                let end = work
                    .u
                    .entities
                    .iter()
                    .find(|entity| entity.from == next)
                    .map_or(next + 1, |entity| entity.to);
                found = Some((next, end, at));
                break;
            }
            if param.role == Role::Id || tool_noun && param.role != Role::Thing {
                continue;
            }
            // in front: its modifiers
            let mut begin = at;
            while begin > 0 && work.within(begin - 1) && !work.out.taken[begin - 1] && at - begin < 3 {
                let token = &work.u.tokens[begin - 1];
                let verb = work.verb_at.contains(&(begin - 1));
                if verb
                    || token.shape == Shape::Punct
                    || is_determiner(&token.lower)
                    || is_stop(&token.lower)
                    || is_preposition(&token.lower)
                    || is_filler(&token.lower)
                    || is_calendar_word(&token.lower)
                    || matches!(token.shape, Shape::Number | Shape::Money)
                    || work.tool.words.contains(&token.stem) && work.tool.verbs.contains(&token.stem)
                {
                    break;
                }
                begin -= 1;
            }
            if begin < at && (exact || param.required && !tool_noun && param.role == Role::Thing) {
                // a place keeps its noun where that is part of the name: "living room", "front door"
                let room = matches!(
                    token.lower.as_str(),
                    "room" | "door" | "floor" | "office" | "garage" | "bedroom" | "hall"
                ) && at - begin == 1;
                let value_end = if room { at + 1 } else { at };
                found = Some((begin, value_end, begin));
                break;
            }
        }
        if let Some((from, to, taken_from)) = found {
            let text = match work
                .u
                .entities
                .iter()
                .find(|entity| entity.from == from && entity.to == to)
                .map(|entity| &entity.what)
            {
                Some(What::Quoted(text) | What::Proper(text) | What::Id(text)) => text.clone(),
                _ => phrase_text(work, from, to).trim_start_matches('#').to_owned(),
            };
            work.set(p, json!(text), 0.8);
            work.take(taken_from.min(from), to.max(taken_from + 1));
        }
    }
}

/// The part of a phrase that can be the value: without the words that only name the tool.
fn trimmed(work: &Work, phrase: &Phrase, param: &Param) -> Option<(usize, usize)> {
    let known = thesaurus();
    let tool_word = |at: usize| {
        let stem = &work.u.tokens[at].stem;
        work.u.tokens[at].shape == Shape::Word
            && (work
                .tool
                .words
                .iter()
                .any(|word| known.similarity(word, stem) >= 0.8 || stem.len() >= 5 && word.starts_with(stem.as_str()))
                || param.words.iter().any(|word| word == stem)
                || matches!(stem.as_str(), "number" | "numb" | "id" | "code" | "referenc")
                || stem == "user" && login(param)
                || work
                    .tool
                    .params
                    .iter()
                    .zip(&work.out.values)
                    .any(|(other, value)| value.is_some() && other.words.contains(stem)))
            || work.u.tokens[at].shape == Shape::Word && is_stop(&work.u.tokens[at].lower)
    };
    // "the design channel" for "Channel or person": the noun that the description begins with
    let head = |at: usize| param.about.iter().take(2).any(|word| *word == work.u.tokens[at].stem) && work.u.tokens[at].shape == Shape::Word;
    let (mut from, mut to) = (phrase.from, phrase.to);
    if to - from > 1 && head(to - 1) && !matches!(param.role, Role::Text | Role::Query) {
        to -= 1;
    }
    while to > from && tool_word(to - 1) {
        to -= 1;
    }
    // "a lemon cake" for the flavour of a cake: what the tool is about is not the value
    let made = |at: usize| {
        let token = &work.u.tokens[at];
        token.shape == Shape::Word
            && !token.text.starts_with(char::is_uppercase)
            && (work.tool.about.contains(&token.stem)
                || work
                    .tool
                    .params
                    .iter()
                    .any(|other| other.name != param.name && other.about.contains(&token.stem)))
    };
    if to - from > 1
        && made(to - 1)
        && matches!(param.role, Role::Thing | Role::Option | Role::Place | Role::Person)
        && !param.about.contains(&work.u.tokens[to - 1].stem)
    {
        to -= 1;
    }
    if to > from {
        while from < to && tool_word(from) {
            from += 1;
        }
    }
    // "another pillow" for an item: a word that only resembles the tool's is a value when nothing else is
    if from >= to
        && matches!(param.role, Role::Thing | Role::Option | Role::Query)
        && param.required
        && param.ty != Type::List
        && phrase.from > 0
        && (matches!(
            work.u.word(phrase.from - 1),
            "another" | "a" | "an" | "some" | "more" | "extra" | "any"
        ) || work.u.tokens[phrase.from - 1].shape == Shape::Number)
        && (phrase.from..phrase.to).all(|at| {
            let stem = &work.u.tokens[at].stem;
            !work.tool.words.contains(stem)
                && !param.words.contains(stem)
                && !work.tool.about.contains(stem)
                && !is_stop(&work.u.tokens[at].lower)
        })
    {
        (from, to) = (phrase.from, phrase.to);
    }
    // "two" before a thing is its quantity, already read or not
    while from < to && work.u.tokens[from].shape == Shape::Number {
        from += 1;
    }
    (from < to && to - from <= PHRASE_WORDS_MAX).then_some((from, to))
}

fn suit(work: &Work, phrase: &Phrase, from: usize, to: usize, param: &Param) -> f64 {
    let known = thesaurus();
    let prep = phrase.prep.as_str();
    let words = to - from;
    let has = |words: &[&str]| param.is_any(words);
    let need = if param.required { 1.0 } else { 0.0 };
    let proper = work
        .u
        .entities
        .iter()
        .any(|entity| entity.from == from && matches!(entity.what, What::Proper(_)));
    let only_verbs = (from..to).all(|at| known.is_imperative(&work.u.tokens[at].lower) && !known.is_noun(&work.u.tokens[at].stem));
    if only_verbs && words == 1 {
        return 0.0;
    }
    let worded = (from..to).all(|at| work.u.tokens[at].shape == Shape::Word) || proper;
    if !worded && matches!(param.role, Role::Person | Role::Place) && !login(param) {
        return 0.0;
    }
    match param.role {
        Role::Place => {
            let side = match (param.end, prep) {
                (End::From, "from" | "leaving" | "departing") | (End::To, "to" | "into" | "towards" | "for" | "reaching") => 4.0,
                (End::None, "in" | "at" | "near" | "around" | "for" | "from" | "to" | "of" | "on" | "within") => 3.0,
                (End::From, "in" | "at") | (End::To, "in" | "at") => 1.5,
                (End::None, "") => 1.3,
                _ => return 0.0,
            };
            side + need * 0.8 - if words > 4 { 2.0 } else { 0.0 }
        }
        Role::Person | Role::Thing | Role::Option
            if words == 1
                && !(param.role == Role::Option && !param.open)
                && is_coined(&work.u.tokens[from].lower)
                && (param.required || login(param)) =>
        {
            let after = from > 0
                && param
                    .words
                    .iter()
                    .chain(&param.about)
                    .any(|word| *word == work.u.tokens[from - 1].stem);
            4.2 + need + if login(param) { 1.0 } else { 0.0 } + if after { 2.0 } else { 0.0 }
        }
        Role::Person if login(param) && from > 0 && words == 1 && !thesaurus().knows(&work.u.tokens[from].stem) => {
            let led = matches!(
                work.u.word(from - 1),
                "user"
                    | "for"
                    | "to"
                    | "from"
                    | "by"
                    | "of"
                    | "with"
                    | "did"
                    | "does"
                    | "has"
                    | "is"
                    | "was"
                    | "account"
                    | "login"
                    | "username"
            );
            if led { 3.0 + need } else { 1.4 + need }
        }
        Role::Person => match prep {
            "for" | "with" | "to" | "by" | "under" | "of" if proper || need > 0.0 => {
                1.2 + need + if proper { 2.0 } else { 0.0 } - if words > 3 { 3.0 } else { 0.0 }
            }
            _ if proper => 1.5 + need,
            "" if need > 0.0 && words <= 2 => {
                1.1 + need * 0.9
                    - if work.u.tokens[from].text.starts_with(|c: char| c.is_lowercase()) {
                        0.5
                    } else {
                        0.0
                    }
            }
            _ => 0.0,
        },
        Role::Query => {
            let side = match prep {
                "for" | "about" | "on" | "regarding" | "of" => 4.5,
                "" => 4.0,
                "in" | "with" => 2.0,
                _ => 1.5,
            };
            side + need * 0.5
        }
        Role::Thing | Role::Option => {
            if param.role == Role::Option && !param.open {
                return 0.0;
            }
            // where the examples are names, a value is one
            let capital = |text: &str| text.starts_with(char::is_uppercase);
            if param.role == Role::Option
                && !param.options.is_empty()
                && param.options.iter().all(|option| option.as_str().is_some_and(capital))
                && !capital(&work.u.tokens[from].text)
            {
                return 0.0;
            }
            let location = has(&[
                "room",
                "zone",
                "area",
                "kitchen",
                "floor",
                "folder",
                "list",
                "playlist",
                "project",
                "channel",
                "team",
                "department",
                "warehous",
                "store",
                "branch",
                "library",
                "calendar",
                "categori",
                "category",
                "shop",
                "group",
                "queue",
                "board",
            ]);
            let object = has(&[
                "item",
                "product",
                "device",
                "devic",
                "title",
                "name",
                "dish",
                "song",
                "artist",
                "movie",
                "book",
                "service",
                "servic",
                "software",
                "asset",
                "medication",
                "medicin",
                "drug",
                "treatment",
                "subject",
                "ingredient",
                "food",
                "task",
                "thing",
                "light",
                "equipment",
                "application",
                "app",
                "course",
                "cours",
                "skill",
                "brand",
                "model",
                "type",
                "symbol",
                "company",
                "cuisin",
                "cuisine",
                "exam",
                "resource",
                "resourc",
                "track",
                "album",
                "plan",
                "ticker",
                "recipe",
                "recip",
                "procedure",
                "specialty",
                "specialti",
                "vehicl",
                "role",
            ]);
            let side = match (param.end, prep) {
                (End::From, "from") | (End::To, "to" | "into") => 3.0,
                (End::From | End::To, "from" | "to" | "into") => return 0.0,
                (End::From | End::To, _) if !proper => return 0.0,
                (_, "in" | "on" | "at" | "into" | "to" | "from") if location => 3.0,
                (_, "on" | "at") if has(&["device", "devic", "speaker", "screen", "channel", "machine", "server", "platform"]) => 3.2,
                (_, "in" | "at") if object => 0.5,
                (_, "" | "of") if object => 3.0,
                // what need not be said is not guessed
                (_, "" | "of") if need == 0.0 && !work.tool.reads && !(from > 1 && work.u.word(from - 2) == ",") => 1.0,
                (_, "for" | "with") if object => 2.2,
                (_, "") if location => 1.2,
                (_, "" | "of") => 2.0,
                (_, "for" | "as" | "by" | "on" | "with") => 1.4,
                _ => 0.8,
            };
            side + need * 0.8 - if words > 5 { 1.0 } else { 0.0 }
        }
        Role::Text if work.spans.len() > 1 => 0.0,
        Role::Text
            if has(&[
                "title", "subject", "summary", "name", "task", "note", "text", "headline", "message", "messag",
            ]) && need > 0.0
                && prep.is_empty() =>
        {
            2.2
        }
        Role::Id if !id_examples(&param.shows).is_empty() => 0.0,
        Role::Id
            if need > 0.0
                && work.u.tokens[from].text.len() <= 3
                && words == 1
                && work.u.tokens[from].text.chars().all(|c| c.is_ascii_uppercase()) =>
        {
            2.5
        }
        Role::Id if need > 0.0 && param.end != End::None && words <= 3 => match (param.end, prep) {
            (End::From, "from") | (End::To, "to" | "into") => 3.0,
            _ => 0.0,
        },
        Role::Currency if prep == "to" || prep == "in" || prep == "into" => 0.0,
        _ => 0.0,
    }
}

/// Whether a person is named by the name of an account: written small, perhaps with digits.
pub(crate) fn login(param: &Param) -> bool {
    let about = param.description.to_lowercase();
    let told = ["user name", "username", "login", "account name", "handle", "nickname", "user id"];
    told.iter().any(|word| about.contains(word)) || param.is_any(&["user", "username", "login", "nickname", "handle", "assignee", "owner"])
}
