//! What a clause is for: a wish, a circumstance, politeness, or something that must not be done.

use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_auxiliary, is_determiner, is_filler, is_negation, is_preposition, is_stop};

use crate::clause::{Clause, Mood};
use crate::goals::refers;

/// What a clause is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Politeness, an interjection.
    Empty,
    /// What must not be done.
    Forbidden,
    /// A circumstance: "it works again", "my number is 5".
    Tells,
    Wish,
}

pub(crate) fn part(u: &Utterance, clause: &Clause) -> Part {
    if clause.forbidden {
        return Part::Forbidden;
    }
    let mentions = u.entities.iter().any(|entity| clause.from <= entity.from && entity.to <= clause.to);
    if !clause.has_content(u) && clause.verb.is_none() && !refers(u, clause.from, clause.to) && !mentions {
        return Part::Empty;
    }
    if labels(u, clause)
        || only_tells(u, clause)
        || finite(u, clause)
        || clause.verb.is_none() && unneeded(u, clause)
        || only_mentions(u, clause)
    {
        return Part::Tells;
    }
    Part::Wish
}

/// "Donor number D-5", "My card: LC-2": a label and a value.
pub(crate) fn labels(u: &Utterance, clause: &Clause) -> bool {
    clause.mood == Mood::Statement
        && clause.verb.is_none()
        && !clause.desire
        && u.entities.iter().any(|entity| {
            entity.to == clause.to
                && entity.from > clause.from
                && entity.from - clause.from <= 4
                && matches!(entity.what, What::Id(_) | What::Email(_) | What::Phone(_))
                && (clause.from..entity.from).all(|at| {
                    let token = &u.tokens[at];
                    is_determiner(&token.lower)
                        || matches!(token.text.as_str(), ":" | "#")
                        || thesaurus().is_noun(&token.stem)
                        || token.lower == "is"
                })
        })
}

/// "I don't need it any longer", "no need to come".
pub(crate) fn unneeded(u: &Utterance, clause: &Clause) -> bool {
    (clause.from..clause.to).any(|at| {
        (is_negation(u.word(at)) || u.word(at) == "longer" && u.word(at.saturating_sub(1)) == "no")
            && matches!(u.word(at + 1), "need" | "needed" | "want" | "require" | "required")
    })
}

/// "Tomorrow at six, …": nothing but when.
pub(crate) fn only_mentions(u: &Utterance, clause: &Clause) -> bool {
    clause.verb.is_none()
        && clause.mood == Mood::Statement
        && (clause.from..clause.to).all(|at| {
            let token = &u.tokens[at];
            is_stop(&token.lower)
                || is_filler(&token.lower)
                || token.shape == Shape::Punct
                || u.entities
                    .iter()
                    .any(|entity| entity.from <= at && at < entity.to && matches!(entity.what, What::When(_)))
        })
}

/// A statement with a verb of its own that asks for nothing.
pub(crate) fn finite(u: &Utterance, clause: &Clause) -> bool {
    if clause.mood != Mood::Statement || clause.verb.is_some() || clause.desire || clause.condition.is_some() {
        return false;
    }
    (clause.from..clause.to).any(|at| {
        let token = &u.tokens[at];
        if token.shape != Shape::Word || is_auxiliary(&token.lower) && token.lower != "any" {
            return token.shape == Shape::Word && at > clause.from;
        }
        let short = ["'s", "'m", "'re", "'ve"].iter().any(|end| token.lower.ends_with(end)) && is_stop(&token.lower);
        let inflected = thesaurus().is_verb(&token.stem)
            && !thesaurus().is_imperative(&token.lower)
            && !token.lower.ends_with("ing")
            && at > clause.from
            && !is_determiner(u.word(at - 1))
            && !is_preposition(u.word(at - 1))
            && (!token.lower.ends_with('s') || !thesaurus().is_noun(&token.stem));
        let past = matches!(u.word(at.saturating_sub(1)), "i" | "we" | "he" | "she" | "they") && at > clause.from && !is_stop(&token.lower);
        // "INC-5 works again": what stands behind the subject
        let third = token.lower.ends_with('s')
            && !token.lower.ends_with("ss")
            && u.entities
                .iter()
                .any(|entity| entity.from == clause.from && entity.to == at && !matches!(entity.what, What::When(_) | What::Number(_)));
        short
            || third
            || inflected
            || past
            || matches!(token.lower.as_str(), "won't" | "can't" | "cannot" | "couldn't" | "wouldn't" | "got")
    })
}

/// "My card number is 5", "I am with LN-500": it tells something and wants nothing.
pub(crate) fn only_tells(u: &Utterance, clause: &Clause) -> bool {
    if clause.mood != Mood::Statement || clause.verb.is_some() || clause.desire || clause.condition.is_some() {
        return false;
    }
    let begin = (clause.from..clause.to).find(|at| !matches!(u.word(*at), "hi" | "hello" | "hey" | "," | "well" | "so" | "ok"));
    let Some(begin) = begin else { return false };
    let led = matches!(
        u.word(begin),
        "my" | "our" | "the" | "his" | "her" | "their" | "it" | "it's" | "this" | "i'm" | "i" | "we" | "we're"
    );
    let named = |at: usize| {
        u.entities.iter().any(|entity| {
            entity.from == at
                && entity.to >= clause.to
                && matches!(
                    entity.what,
                    What::Id(_) | What::Number(_) | What::Proper(_) | What::Email(_) | What::Phone(_)
                )
        })
    };
    let link = |at: usize| {
        matches!(
            u.word(at),
            "is" | "are" | "was" | "it's" | "called" | "named" | "with" | "have" | "has" | "number" | ":" | "i'm" | "="
        )
    };
    led && (begin..clause.to)
        .any(|at| link(at) && (named(at + 1) || matches!(u.word(at + 1), "number" | "called" | "id" | "user") && named(at + 2)))
}
