//! One utterance into clauses: several wishes in a row, conditions, things that are not wanted.

use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_auxiliary, is_determiner, is_filler, is_modal, is_preposition, is_pronoun, is_question_word};

/// How a clause is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// "Cancel …", "could you …"
    Command,
    /// "Where is …", "do you have …"
    Question,
    /// Everything else.
    Statement,
}

/// What must hold before a clause is followed: tokens `from..to`, turned around by `negated`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) negated: bool,
}

/// One wish: tokens `from..to` of the utterance.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) mood: Mood,
    /// Stem, or stems of a phrase joined by `_`.
    pub(crate) verb: Option<String>,
    /// Tokens that make up the verb.
    pub(crate) verb_at: Vec<usize>,
    /// "I'd like", "I need": a wish without a verb of its own.
    pub(crate) desire: bool,
    /// "Do not …".
    pub(crate) forbidden: bool,
    pub(crate) condition: Option<Condition>,
}

/// Most clauses of an utterance.
const CLAUSES_MAX: usize = 12;

/// Splits an utterance.
pub(crate) fn clauses(u: &Utterance) -> Vec<Clause> {
    let mut out: Vec<Clause> = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let mut told = false;
    while at < u.tokens.len() {
        if let Some(skip) = boundary(u, from, at, told) {
            add(u, from, at, &mut out);
            from = at + skip;
            at = from;
            told = false;
            continue;
        }
        told |= begins_free_text(u, at);
        if matches!(u.word(at), "!" | "?" | ";") {
            told = false;
        }
        at += 1;
    }
    add(u, from, u.tokens.len(), &mut out);
    out.truncate(CLAUSES_MAX);
    out
}

/// Words after which everything is somebody's text.
pub(crate) fn begins_free_text(u: &Utterance, at: usize) -> bool {
    matches!(u.word(at), "saying" | "says" | "stating" | "telling")
        || u.word(at) == "that" && at > 1 && (matches!(u.word(at - 1), "her" | "him" | "them" | "everyone" | "team") || named_before(u, at))
        || u.word(at) == ":"
            && at > 0
            && !u
                .tokens
                .get(at + 1)
                .is_some_and(|next| matches!(next.shape, Shape::Id | Shape::Number))
}

fn named_before(u: &Utterance, at: usize) -> bool {
    u.entities
        .iter()
        .any(|entity| entity.to == at && matches!(entity.what, What::Proper(_) | What::Email(_)))
}

/// Whether a clause ends before `at`; the number of tokens between it and the next one.
fn boundary(u: &Utterance, from: usize, at: usize, told: bool) -> Option<usize> {
    let word = u.word(at);
    if u.entities.iter().any(|entity| entity.from < at && at < entity.to) {
        return None;
    }
    if matches!(word, "!" | "?" | ";") {
        return Some(1);
    }
    if word == "." {
        let next = u.tokens.get(at + 1);
        let title = at > 0 && matches!(u.word(at - 1), "dr" | "mr" | "mrs" | "ms" | "no" | "st");
        let spaced = next.is_none_or(|next| next.start > u.tokens[at].end);
        return (spaced && !title).then_some(1);
    }
    if told || at <= from {
        return None;
    }
    // "come and look", "go ahead and book": one verb
    if word == "and" && matches!(u.word(at - 1), "come" | "go" | "try" | "ahead") {
        return None;
    }
    let mut skip = 0;
    let mut joined = false;
    while matches!(
        u.word(at + skip),
        "," | "and"
            | "then"
            | "also"
            | "after"
            | "but"
            | "-"
            | "–"
            | "—"
            | "plus"
            | "afterwards"
            | "finally"
            | "next"
            | "otherwise"
            | "else"
    ) && skip < 4
    {
        if u.word(at + skip) == "after" && u.word(at + skip + 1) != "that" {
            break;
        }
        let spaced = at + skip > 0
            && u.tokens[at + skip - 1].end < u.tokens[at + skip].start
            && u.tokens.get(at + skip + 1).is_some_and(|next| u.tokens[at + skip].end < next.start);
        joined |= u.word(at + skip) != "-" || spaced;
        skip += if u.word(at + skip) == "after" { 2 } else { 1 };
    }
    if !joined || skip == 0 {
        return None;
    }
    if matches!(u.word(at + skip - 1), "otherwise" | "else") {
        return Some(skip - 1).filter(|skip| *skip > 0);
    }
    // "…, email a@b.c", "…, phone 555": a detail, not a wish
    let only_comma = (at..at + skip).all(|index| u.word(index) == ",");
    let noun = u.tokens.get(at + skip).is_some_and(|token| thesaurus().is_noun(&token.stem));
    let detail = u.tokens.get(at + skip + 1).is_some_and(|next| {
        matches!(
            next.shape,
            Shape::Email | Shape::Phone | Shape::Number | Shape::Id | Shape::Money | Shape::Quoted
        )
    });
    if only_comma && noun && detail {
        return None;
    }
    starts(u, from, at + skip).then_some(skip)
}

/// Whether a new wish begins at `at`.
fn starts(u: &Utterance, from: usize, at: usize) -> bool {
    let mut at = at;
    let begin = at;
    while is_filler(u.word(at)) && at - begin < 6 {
        at += 1;
    }
    let led = at > begin
        && u.tokens[begin..at]
            .iter()
            .any(|token| is_modal(&token.lower) || matches!(token.lower.as_str(), "i" | "i'd" | "please" | "let"));
    // "and H-2 wants to be …", "and let RH-2 start"
    let subject = begin + usize::from(u.word(begin) == "let");
    if let Some(entity) = u.entities.iter().find(|entity| entity.from == subject)
        && (subject > begin || matches!(u.word(entity.to), "wants" | "needs" | "should" | "must" | "has" | "can" | "could"))
        && !matches!(entity.what, What::When(_) | What::Number(_))
        && (from..at).any(|i| is_auxiliary(u.word(i)) || thesaurus().is_verb(&u.tokens[i].stem))
    {
        return true;
    }
    if matches!(u.word(begin), "have" | "get")
        && is_pronoun(u.word(begin + 1))
        && u.tokens.get(begin + 2).is_some_and(|token| thesaurus().is_verb(&token.stem))
    {
        return true;
    }
    let word = u.word(at);
    let wishes = u.tokens[begin..at]
        .iter()
        .any(|token| matches!(token.lower.as_str(), "want" | "need" | "like" | "i'd" | "wish"))
        && u.tokens[begin..at]
            .iter()
            .any(|token| matches!(token.lower.as_str(), "i" | "we" | "i'd" | "we'd"));
    if wishes && u.tokens.get(at).is_some_and(|token| token.shape == Shape::Word) {
        return true;
    }
    if word == "if"
        || matches!(u.word(begin), "if")
        || (is_question_word(word) && !matches!(word, "which" | "who" | "whose" | "when" | "where"))
        || (matches!(word, "where" | "when" | "which" | "who") && is_auxiliary(u.word(at + 1)))
    {
        return true;
    }
    if matches!(word, "don't" | "do" | "never")
        || (matches!(word, "is" | "are" | "does" | "did") && at == begin)
        || matches!(word, "how" | "what")
    {
        return true;
    }
    let Some(token) = u.tokens.get(at) else { return false };
    if token.shape != Shape::Word
        || !(thesaurus().is_imperative(word)
            || u.verbs.contains(&token.stem) && !thesaurus().knows(&token.stem)
            || thesaurus()
                .phrase(|index| u.tokens.get(at + index).map(|token| token.stem.as_str()))
                .is_some_and(|(phrase, _)| thesaurus().is_verb(&phrase)))
    {
        return led && word == "know";
    }
    let phrase = thesaurus().phrase(|index| u.tokens.get(at + index).map(|token| token.stem.as_str()));
    let used = phrase.filter(|(phrase, _)| thesaurus().is_verb(phrase)).map_or(1, |(_, used)| used);
    let next = u.tokens.get(at + used);
    match next {
        None => false,
        Some(next) if next.shape == Shape::Punct => false,
        Some(next) => {
            is_determiner(&next.lower)
                || is_pronoun(&next.lower)
                || matches!(
                    next.lower.as_str(),
                    "me" | "us" | "you" | "for" | "if" | "what" | "whether" | "how" | "up" | "down" | "to"
                )
                || matches!(next.shape, Shape::Id | Shape::Number | Shape::Quoted | Shape::Email | Shape::Money)
                || u.entities.iter().any(|entity| entity.from == at + used)
                || (next.shape == Shape::Word && !is_preposition(&next.lower) && !matches!(next.lower.as_str(), "and" | "or"))
        }
    }
}

fn add(u: &Utterance, from: usize, to: usize, out: &mut Vec<Clause>) {
    let mut from = from;
    let mut to = to;
    while from < to && matches!(u.word(from), "," | "and" | "then" | "but" | ":" | "-" | "–" | ")" | "(") {
        from += 1;
    }
    while to > from && matches!(u.word(to - 1), "," | "and" | "then" | "but" | "-" | "–") {
        to -= 1;
    }
    if from >= to {
        return;
    }
    let mut condition = None;
    let otherwise = matches!(u.word(from), "otherwise" | "else") || (u.word(from) == "if" && u.word(from + 1) == "not");
    if otherwise {
        from += 1 + usize::from(u.word(from) == "if");
        if u.word(from) == "," {
            from += 1;
        }
        condition = out
            .iter()
            .rev()
            .find_map(|clause| clause.condition.clone())
            .map(|condition| Condition {
                negated: !condition.negated,
                ..condition
            });
    } else if let Some(at) = (from..to).find(|at| conditional(u, from, *at)) {
        let negated = u.word(at) == "unless";
        let start = at + 1;
        // a condition before its wish ends at the comma or at `then`
        let end = (start..to).find(|i| {
            matches!(u.word(*i), "," | "then")
                || (at == from && *i > start && (u.word(*i) == "please" || is_modal(u.word(*i)) && u.word(*i + 1) == "you"))
        });
        condition = Some(Condition {
            from: start,
            to: end.unwrap_or(to),
            negated,
        });
        if at <= from + 1 && u.tokens[from..at].iter().all(|token| is_filler(&token.lower)) {
            match end {
                Some(end) => from = end + usize::from(matches!(u.word(end), "," | "then")),
                None => {
                    // "if it has not shipped" on its own, followed by the wish in the next clause
                    out.push(Clause {
                        from: to,
                        to,
                        mood: Mood::Statement,
                        verb: None,
                        verb_at: Vec::new(),
                        desire: false,
                        forbidden: false,
                        condition,
                    });
                    return;
                }
            }
        } else {
            to = at;
            while to > from && matches!(u.word(to - 1), "," | "only" | "but") {
                to -= 1;
            }
        }
    }
    if condition.is_none()
        && let Some(last) = out.last()
        && last.from == last.to
        && last.condition.is_some()
    {
        condition = out.pop().and_then(|clause| clause.condition);
    }
    if from >= to {
        return;
    }
    let mut clause = analyse(u, from, to);
    clause.condition = condition;
    out.push(clause);
}

fn conditional(u: &Utterance, from: usize, at: usize) -> bool {
    let word = u.word(at);
    let before = if at > from { u.word(at - 1) } else { "" };
    let before2 = if at > from + 1 { u.word(at - 2) } else { "" };
    match word {
        "if" => {
            !(matches!(
                before,
                "check" | "see" | "know" | "whether" | "out" | "wondering" | "ask" | "tell" | "verify" | "mind" | "confirm" | "as" | "look"
            ) || before == "me" && matches!(before2, "tell" | "show" | "inform"))
                && !(u.word(at + 1) == "possible"
                    || u.word(at + 1) == "you" && matches!(u.word(at + 2), "can" | "could" | "would" | "don't"))
        }
        "unless" => true,
        _ => false,
    }
}

/// Where the verb stands of what has to be done to the thing at `at`, which is named by a word and an id.
fn to_be_done(u: &Utterance, at: usize, to: usize) -> Option<usize> {
    let named = u
        .entities
        .iter()
        .find(|entity| entity.from == at + 1 && matches!(entity.what, What::Id(_) | What::Number(_)))?;
    let words = |from: usize, count: usize| (from..from + count).map(|at| u.word(at)).collect::<Vec<&str>>();
    let used = match &words(named.to, 3)[..] {
        ["has" | "have" | "needs" | "need" | "ought", "to", "be"] => 3,
        ["must" | "should" | "shall", "be", _] => 2,
        _ => return None,
    };
    Some(named.to + used).filter(|verb| *verb < to && thesaurus().is_verb(&u.tokens[*verb].stem))
}

/// Finds verb and mood of tokens `from..to`.
pub(crate) fn analyse(u: &Utterance, from: usize, to: usize) -> Clause {
    let known = thesaurus();
    let mut out = Clause {
        from,
        to,
        mood: Mood::Statement,
        verb: None,
        verb_at: Vec::new(),
        desire: false,
        forbidden: false,
        condition: None,
    };
    let mut at = from;
    let mut asks = false;
    let mut polite = false;
    while at < to {
        let word = u.word(at);
        let inside = u
            .entities
            .iter()
            .any(|entity| entity.from <= at && at < entity.to && !matches!(entity.what, What::Ordinal(_)));
        if inside && !is_filler(word) {
            // "Nina Bauer wants to …"
            let end = u.entities.iter().find(|entity| entity.from == at).map(|entity| entity.to);
            if let Some(end) = end.filter(|end| matches!(u.word(*end), "wants" | "needs" | "wishes") && u.word(*end + 1) == "to") {
                out.desire = true;
                at = end + 1;
            }
            break;
        }
        // "I don't want to …", "please do not …", "never …"
        if matches!(word, "don't" | "dont" | "never" | "not") || word == "do" && u.word(at + 1) == "not" {
            let skip = 1 + usize::from(word == "do");
            let mut next = at + skip;
            while matches!(
                u.word(next),
                "want" | "need" | "you" | "to" | "wish" | "have" | "even" | "ever" | "please" | "would" | "like" | "dare"
            ) {
                next += 1;
            }
            let subject = at > from && matches!(u.word(at - 1), "i" | "we");
            // "don't forget to …" is a wish
            if !subject && matches!(u.word(next), "forget" | "hesitate") && u.word(next + 1) == "to" && next + 1 < to {
                polite = true;
                at = next + 2;
                continue;
            }
            let wanted = next > at + skip
                && u.tokens[at + skip..next]
                    .iter()
                    .any(|token| matches!(token.lower.as_str(), "want" | "need" | "wish"));
            if known.is_imperative(u.word(next))
                && (!subject || wanted)
                && !matches!(u.word(next), "forget" | "remember" | "see" | "find" | "get" if subject)
            {
                out.forbidden = true;
                at = next;
                break;
            }
            if is_filler(u.word(at)) || !subject {
                break;
            }
            break;
        }
        // "could someone come and …"
        let helper = matches!(word, "someone" | "somebody" | "anyone" | "anybody" | "come" | "guys" | "somehow");
        if polite && helper {
            at += 1;
            continue;
        }
        if is_filler(word) || matches!(word, "," | "." | "want" | "like" | ":" | "(") {
            // "can I have …" wishes for a thing
            out.desire |= matches!(word, "have") && at > from + 1 && is_modal(u.word(at - 2)) && matches!(u.word(at - 1), "i" | "we");
            asks |= (word == "is" || word == "there" && at > from) && !polite;
            polite |= is_modal(word) || matches!(word, "please" | "want" | "need" | "like" | "i'd" | "let's");
            out.desire |= matches!(word, "want" | "need" | "like" | "i'd" | "wish" | "wanna" | "would" | "love");
            out.desire |= word == "rather";
            at += 1;
            continue;
        }
        break;
    }
    let word = u.word(at);
    let question =
        is_question_word(word) || (is_auxiliary(word) && !(word == "do" && u.word(at + 1) == "not")) || matches!(word, "anything");
    if at < to && question && !out.forbidden {
        // "what about" asks for the same again
        out.mood = Mood::Question;
        out.desire = false;
        // "how do I cancel": still about cancelling; "did you send": about sending
        return out;
    }
    // "Order A-1001 has to be cancelled": the noun before an id is no verb
    if let Some(done) = to_be_done(u, at, to) {
        out.desire = true;
        at = done;
    }
    let phrase = known
        .phrase(|index| (at + index < to).then(|| u.tokens[at + index].stem.as_str()))
        .filter(|(phrase, _)| known.is_verb(phrase));
    if let Some((phrase, used)) = phrase {
        out.verb = Some(phrase);
        out.verb_at = (at..at + used).collect();
        out.mood = Mood::Command;
    } else if at < to
        && u.tokens[at].shape == Shape::Word
        && (known.is_verb(&u.tokens[at].stem) && !noun_here(u, at, from, to)
            || u.verbs.contains(&u.tokens[at].stem) && !known.knows(&u.tokens[at].stem) && at + 1 < to
            || orders(u, at, to))
    {
        out.verb = Some(u.tokens[at].stem.clone());
        out.verb_at = vec![at];
        out.mood = Mood::Command;
        particle(u, at, to, &mut out);
    } else {
        let found = inner_verb(u, from, at, to, polite, asks, &mut out.desire);
        match found {
            Some(i) => {
                let phrase = known
                    .phrase(|index| (i + index < to).then(|| u.tokens[i + index].stem.as_str()))
                    .filter(|(phrase, _)| known.is_verb(phrase));
                let (verb, used) = phrase.unwrap_or_else(|| (u.tokens[i].stem.clone(), 1));
                out.verb = Some(verb);
                out.verb_at = (i..i + used).collect();
                out.mood = Mood::Command;
                if used == 1 {
                    particle(u, i, to, &mut out);
                }
            }
            None => {
                // "lights off", "heating on please"
                if let Some(i) = (at..to).find(|i| {
                    matches!(u.word(*i), "on" | "off") && (*i + 1 == to || matches!(u.word(*i + 1), "please" | "in" | "now" | "."))
                }) {
                    let verb = format!("turn_{}", u.word(i));
                    out.verb = Some(verb);
                    out.verb_at = vec![i];
                    out.mood = Mood::Command;
                } else if asks {
                    out.mood = Mood::Question;
                }
            }
        }
    }
    if out.mood != Mood::Question && to < u.tokens.len() && u.word(to) == "?" && out.verb.is_none() {
        out.mood = Mood::Question;
    }
    // "tell me where it is", "check whether …": a question
    if let Some(last) = out.verb_at.last().copied()
        && out
            .verb
            .as_deref()
            .is_some_and(|verb| known.has_class(verb, "read") || verb == "tell")
    {
        let next = last + 1 + usize::from(matches!(u.word(last + 1), "me" | "us"));
        let whether = matches!(u.word(next), "if" | "whether") && next < to;
        if (next < to && is_question_word(u.word(next)) || whether) && !out.forbidden {
            out.mood = Mood::Question;
            out.verb = None;
            out.desire = false;
            return out;
        }
    }
    let for_us = out
        .verb_at
        .first()
        .is_some_and(|at| *at > from && matches!(u.word(at - 1), "i" | "we"));
    if out.verb.as_deref().is_some_and(|verb| verb == "get") && (out.desire && !polite || for_us) {
        out.verb = None;
        out.desire = true;
    }
    out
}

/// A verb of the tools at the beginning, in its plain form, with something behind it: "Page Anna", "Mute the alerts".
fn orders(u: &Utterance, at: usize, to: usize) -> bool {
    let token = &u.tokens[at];
    u.verbs.contains(&token.stem)
        && !token.lower.ends_with('s')
        && !token.lower.ends_with("ed")
        && !token.lower.ends_with("ing")
        && u.tokens.get(at + 1).filter(|_| at + 1 < to).is_some_and(|next| {
            is_determiner(&next.lower)
                || is_pronoun(&next.lower)
                || matches!(next.shape, Shape::Id | Shape::Number | Shape::Quoted | Shape::Email)
                || u.entities.iter().any(|entity| entity.from == at + 1)
        })
}

/// The verb of a wish that does not begin with it: "Nina wants to leave", "V-5 should be moved", "I need it cancelled", "on Friday call Tom".
fn inner_verb(u: &Utterance, from: usize, at: usize, to: usize, polite: bool, asks: bool, desire: &mut bool) -> Option<usize> {
    let known = thesaurus();
    let wishes = |word: &str| {
        matches!(
            word,
            "want"
                | "wants"
                | "need"
                | "needs"
                | "like"
                | "likes"
                | "wish"
                | "wishes"
                | "love"
                | "prefer"
                | "prefers"
                | "trying"
                | "hoping"
                | "ought"
                | "going"
        )
    };
    let subject = |range: std::ops::Range<usize>| {
        u.tokens[range].iter().any(|token| {
            matches!(
                token.lower.as_str(),
                "i" | "we"
                    | "he"
                    | "she"
                    | "they"
                    | "it"
                    | "there"
                    | "who"
                    | "which"
                    | "that"
                    | "is"
                    | "are"
                    | "was"
                    | "were"
                    | "has"
                    | "have"
                    | "had"
                    | "isn't"
                    | "don't"
                    | "doesn't"
                    | "didn't"
                    | "can't"
                    | "won't"
                    | "cannot"
                    | "i'm"
                    | "it's"
                    | "we're"
                    | "i've"
                    | "but"
                    | "not"
            )
        })
    };
    let adverbial = is_preposition(u.word(from))
        || u.entities
            .iter()
            .any(|entity| entity.from == from && matches!(entity.what, What::When(_)));
    for i in at..to {
        let token = &u.tokens[i];
        let mention = u
            .entities
            .iter()
            .any(|entity| entity.from <= i && i < entity.to && !matches!(entity.what, What::Ordinal(_)));
        if mention || token.shape != Shape::Word || i == from {
            continue;
        }
        let word = token.lower.as_str();
        let (before, before2) = (u.word(i - 1), if i > from + 1 { u.word(i - 2) } else { "" });
        let plain = known.is_imperative(word) || u.verbs.contains(&token.stem) && *word == *token.stem;
        let participle = known.is_verb(&token.stem)
            && (word.ends_with("ed")
                || !known.is_imperative(word) && !word.ends_with('s') && !word.ends_with("ing")
                || matches!(word, "set" | "put" | "cut" | "shut" | "read"));
        // "have it tested for zinc"
        if participle && i >= from + 2 && matches!(before2, "have" | "get") && is_pronoun(before) {
            return Some(i);
        }
        if matches!(word, "wants" | "needs" | "requires" | "want" | "need" | "require") && (i <= from + 6) && u.word(i + 1) != "to" {
            *desire = true;
        }
        // "should be stopped", "to be moved", "can it be changed"
        if participle && matches!(before, "be" | "get") && !matches!(word, "able" | "sure" | "possible") {
            let ruled = (from..i).any(|j| is_modal(u.word(j)) || wishes(u.word(j)) || matches!(u.word(j), "has" | "have" | "to"));
            if ruled {
                return Some(i);
            }
        }
        if plain && before == "to" && (wishes(before2) || matches!(before2, "has" | "have")) {
            return Some(i);
        }
        // "let RH-2 start at nine"
        if plain && i > from + 1 && word != "know" && (from..i).any(|j| u.word(j) == "let") {
            return Some(i);
        }
        if plain && matches!(before, "should" | "must") && !matches!(word, "be" | "have" | "know") {
            return Some(i);
        }
        // "I need it cancelled by noon"
        let closes =
            i + 1 >= to || is_preposition(u.word(i + 1)) || matches!(u.tokens[i + 1].shape, Shape::Punct) || u.word(i + 1) == "please";
        if *desire && participle && i > at && (word.ends_with("ed") || !known.is_imperative(word)) && closes && !is_determiner(before) {
            return Some(i);
        }
        if plain
            && matches!(before, "to" | "you" | "please" | "i" | "we")
            && (before != "to" || polite || *desire || !known.is_noun(&token.stem))
            && (polite || asks || *desire || matches!(before, "you" | "please"))
        {
            return Some(i);
        }
        let object = u.tokens.get(i + 1).filter(|_| i + 1 < to).is_some_and(|next| {
            is_determiner(&next.lower)
                || is_pronoun(&next.lower)
                || next.lower == "me"
                || u.entities.iter().any(|entity| entity.from == i + 1)
        });
        let now_on = before == "on" && before2 == "now";
        if plain && adverbial && object && !is_determiner(before) && (now_on || !is_preposition(before)) && !subject(from..i) {
            return Some(i);
        }
    }
    None
}

/// "order status", "book title": a verb form that is a noun here.
fn noun_here(u: &Utterance, at: usize, from: usize, to: usize) -> bool {
    let known = thesaurus();
    if !known.is_noun(&u.tokens[at].stem) {
        return false;
    }
    if at > from && is_determiner(u.word(at - 1)) {
        return true;
    }
    let next = u.tokens.get(at + 1).filter(|_| at + 1 < to);
    let plural = !known.is_imperative(u.word(at));
    // "Note for room 3: …"
    if at == from && !plural && u.word(to) != "?" && next.is_some_and(|next| next.lower == "for") && (at..to).any(|i| u.word(i) == ":") {
        return false;
    }
    plural
        || next.is_some_and(|next| {
            matches!(
                next.stem.as_str(),
                "statu"
                    | "status"
                    | "history"
                    | "detail"
                    | "info"
                    | "information"
                    | "number"
                    | "id"
                    | "total"
                    | "list"
                    | "forecast"
                    | "balanc"
                    | "confirm"
            )
        })
        || next.is_none_or(|next| matches!(next.lower.as_str(), "?" | "is" | "was" | "hasn't" | "has" | "for" if next.lower != "for"))
}

/// "turn the lamp off": the particle may stand at the end.
fn particle(u: &Utterance, at: usize, to: usize, out: &mut Clause) {
    let known = thesaurus();
    for i in at + 1..to.min(at + 10) {
        let word = u.word(i);
        if matches!(word, "on" | "off" | "up" | "down" | "back" | "out" | "in" | "forward") {
            let phrase = format!("{}_{}", u.tokens[at].stem, u.tokens[i].stem);
            let free = i + 1 >= to
                || i == at + 1
                || matches!(
                    u.word(i + 1),
                    "in" | "at"
                        | "please"
                        | "for"
                        | "from"
                        | "to"
                        | "by"
                        | ","
                        | "until"
                        | "on"
                        | "now"
                        | "when"
                        | "with"
                        | "and"
                        | "again"
                )
                || u.tokens[i + 1].shape == Shape::Punct;
            if known.is_verb(&phrase) && free {
                out.verb = Some(phrase);
                out.verb_at.push(i);
                return;
            }
        }
    }
}
