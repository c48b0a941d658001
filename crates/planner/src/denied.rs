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
            if verb_nearness(&u.tokens[at].stem, tool) < VERB_NEAR {
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
        || gap > 1 && matches!(word, "mistake" | "wrong")
        || word == "whether" && gap > 1;
    // "not only cancel it", "can you not cancel it"
    if refused && !(word == "not" && matches!(before, "you" | "why")) {
        return Some(Denial::Refused);
    }
    told(u, clause, at).then_some(Denial::Told)
}

/// Whether the verb at `at` is asked back or told: "did you cancel it", "why was it cancelled", "I cancelled it".
fn told(u: &Utterance, clause: &Clause, at: usize) -> bool {
    let known = thesaurus();
    let from = clause.from;
    let token = &u.tokens[at];
    let past =
        token.lower.ends_with("ed") || !known.is_imperative(&token.lower) && !token.lower.ends_with('s') && !token.lower.ends_with("ing");
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
            let subject = at > from && matches!(u.word(at - 1), "i" | "we" | "he" | "she" | "they" | "friend" | "already");
            let done = past && subject && known.has_class(&token.stem, "delete") && clause.mood != Mood::Question && !clause.desire;
            thanks || plan || done
        }
    }
}
