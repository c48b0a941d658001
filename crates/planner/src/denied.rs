//! What sounds like a wish for a tool and is none: "it must not be cancelled", "did you cancel it?", "I cancelled it yesterday".

use crate::clause::{Clause, Mood};
use crate::schema::ToolFacts;
use crate::wish::{VERB_NEAR, Wish, verb_nearness};
use bedplate_language::entities::Utterance;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::is_question_word;

/// How many words may stand between a denial and its verb: "must not ever have to be cancelled".
const DENIAL_GAP: usize = 5;
/// How far behind its verb a particle may stand.
const PARTICLE_GAP: usize = 5;

/// Why a wish is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Denial {
    /// It must not be done.
    Refused,
    /// It is asked or told whether it was done.
    Told,
}

/// Whether every word of a wish that names what its tool does is denied, asked back or told. Tools that only read do no harm.
pub(crate) fn denied(u: &Utterance, list: &[Clause], wish: &Wish, tools: &[ToolFacts]) -> Option<Denial> {
    let tool = &tools[wish.found.tool];
    if tool.reads {
        return None;
    }
    let spans = std::iter::once((wish.clause.from, wish.clause.to)).chain(wish.context.iter().copied());
    let mut out = None;
    for (from, to) in spans {
        for at in (from..to).filter(|at| u.tokens[*at].shape == Shape::Word) {
            if is_state(u, (from, to), at, tool) {
                out = out.or(Some(Denial::Told));
                continue;
            }
            if !names(u, to, at, tool) {
                continue;
            }
            let clause = list.iter().find(|clause| (clause.from..clause.to).contains(&at));
            out = Some(match clause {
                Some(clause) if clause.forbidden => Denial::Refused,
                Some(clause) => denial(u, clause, at)?,
                None => continue,
            });
        }
    }
    out
}

/// Whether the word at `at` names what the tool does, alone or with its particle: "turn the lamp off".
fn names(u: &Utterance, to: usize, at: usize, tool: &ToolFacts) -> bool {
    let stem = &u.tokens[at].stem;
    let near = |verb: &str| verb_nearness(verb, tool) >= VERB_NEAR;
    let particle = (at + 1..to.min(at + 1 + PARTICLE_GAP)).find(|at| matches!(u.word(*at), "on" | "off" | "up" | "down" | "out" | "back"));
    near(stem) || particle.is_some_and(|particle| near(&format!("{stem}_{}", u.word(particle))))
}

/// Whether something is said or asked to be on or off, for a tool that turns it so: "why are the lights on?".
fn is_state(u: &Utterance, (from, to): (usize, usize), at: usize, tool: &ToolFacts) -> bool {
    let word = u.word(at);
    let is = |at: usize| matches!(u.word(at), "is" | "are" | "was" | "were");
    let asked = is(from) || is_question_word(u.word(from)) && is(from + 1);
    matches!(word, "on" | "off")
        && at + 1 == to
        && (asked || at > from && is(at - 1))
        && tool
            .verbs
            .iter()
            .any(|verb| verb.strip_suffix(word).is_some_and(|verb| verb.ends_with('_')))
}

/// Whether a clause forbids what `tool` does.
pub(crate) fn forbids(list: &[Clause], tool: &ToolFacts) -> bool {
    list.iter()
        .filter(|clause| clause.forbidden)
        .filter_map(|clause| clause.verb.as_deref())
        .any(|verb| verb_nearness(verb, tool) >= VERB_NEAR)
}

/// What is said of the verb at `at`.
fn denial(u: &Utterance, clause: &Clause, at: usize) -> Option<Denial> {
    let from = clause.from;
    let back = |gap: usize| at.checked_sub(gap).filter(|at| *at >= from).map_or("", |at| u.word(at));
    let mut gap = 1;
    while gap <= DENIAL_GAP
        && matches!(
            back(gap),
            "be" | "to" | "ever" | "even" | "please" | "have" | "has" | "been" | "want" | "wish" | "going" | "from" | "of" | "any" | "for"
        )
    {
        gap += 1;
    }
    let (word, before) = (back(gap), back(gap + 1));
    let refused = matches!(
        word,
        "not" | "never" | "avoid" | "refrain" | "without" | "mustn't" | "shouldn't" | "needn't" | "won't" | "wouldn't"
    ) || matches!(word, "isn't" | "aren't" | "don't" | "doesn't" | "didn't") && gap <= 2 && at - gap > from
        || word == "than" && before == "rather"
        || word == "instead" && gap > 1
        || gap > 1 && before == "no" && matches!(word, "need" | "reason" | "point")
        || before == "no" && word == "circumstances"
        || gap > 1 && matches!(word, "mistake" | "wrong" | "hate")
        || matches!(word, "should" | "must" | "may") && matches!(before, "nobody" | "noone" | "never")
        || word == "you" && before == "before"
        || unwanted(u, from, at)
        // "Cancel it? No!"
        || u.word(clause.to) == "?" && u.word(clause.to + 1) == "no"
        || word == "whether" && gap > 1;
    // "not only cancel it", "can you not cancel it"
    if refused && !(word == "not" && matches!(before, "you" | "why")) {
        return Some(Denial::Refused);
    }
    let advice = gap > 1 && matches!(word, "how" | "safe" | "wise" | "necessary" | "sensible");
    (advice || told(u, clause, at)).then_some(Denial::Told)
}

/// "I don't want it unlocked": the verb says how something should not be.
fn unwanted(u: &Utterance, from: usize, at: usize) -> bool {
    is_past(u, at)
        && (from + 1..at).rev().take_while(|at| u.tokens[*at].shape != Shape::Punct).any(|at| {
            matches!(u.word(at), "want" | "wish" | "like") && matches!(u.word(at - 1), "not" | "don't" | "dont" | "doesn't" | "never")
        })
}

/// Whether a verb is in a form of the past.
fn is_past(u: &Utterance, at: usize) -> bool {
    let word = u.word(at);
    word.ends_with("ed") || !thesaurus().is_imperative(word) && !word.ends_with('s') && !word.ends_with("ing")
}

/// Whether the verb at `at` is asked back or told: "did you cancel it", "why was it cancelled", "I cancelled it".
fn told(u: &Utterance, clause: &Clause, at: usize) -> bool {
    let known = thesaurus();
    let from = clause.from;
    let token = &u.tokens[at];
    let past = is_past(u, at);
    let said = |words: &[&str]| (from..at).any(|at| words.contains(&u.word(at)));
    // "should it be cancelled" is asked politely, "it has to be cancelled" is a wish
    let wished = said(&[
        "to", "be", "can", "could", "would", "will", "want", "need", "needs", "please", "get",
    ]);
    let mut first = from;
    while matches!(u.word(first), "and" | "but" | "so" | "hi" | "hello" | "hey" | "," | "oh") && first < at {
        first += 1;
    }
    let asks = is_question_word(u.word(first));
    let second = if asks { u.word(first + 1) } else { u.word(first) };
    let i = |at: usize| matches!(u.word(at), "i" | "we");
    match second {
        "did" | "didn't" if first < at => !wished,
        "should" | "shall" if i(first + 1 + usize::from(asks)) => true,
        "is" | "are" | "was" | "were" | "isn't" | "wasn't" | "has" | "hasn't" if first < at => past && !wished,
        "have" if matches!(u.word(first + 1), "you" | "they") => past && !wished,
        _ if matches!(u.word(first), "who" | "whoever") && first + 1 == at => past,
        _ => {
            let thanks = from + 1 < at && matches!(u.word(from), "thank" | "thanks") && token.lower.ends_with("ing");
            let plan = (from + 2..at).any(|at| u.word(at) == "going" && matches!(u.word(at - 1), "was" | "were"));
            let subject = at > from
                && matches!(
                    u.word(at - 1),
                    "i" | "we" | "he" | "she" | "they" | "you" | "friend" | "somebody" | "someone" | "already" | "was" | "were"
                );
            let done = past && subject && known.has_class(&token.stem, "delete") && clause.mood != Mood::Question && !clause.desire;
            thanks || plan || done
        }
    }
}
