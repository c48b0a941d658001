//! What each word is, in a few letters: the word itself where it is one of the few that hold a sentence together, its kind otherwise.

use super::Sheet;
use crate::segment::{Kind, Scene};
use bedplate_language::lexicon::classes;
use bedplate_language::names::named;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_determiner, is_filler, is_modal, is_negation, is_preposition, is_pronoun, is_question_word};

/// Words that say what comes next is a value: they stand for themselves.
const LABELS: &[&str] = &[
    "called", "named", "saying", "says", "say", "reason", "note", "subject", "title", "message", "is", "tell", "please", "because", "due",
];

/// How many words before a value its preposition may stand: "in the big old red barn".
const PREPOSITION_GAP: usize = 5;

/// What the token is.
pub(super) fn tag(scene: &Scene, at: usize) -> String {
    let u = scene.u;
    let token = &u.tokens[at];
    if let Some(entity) = scene.entity_at(at) {
        return format!("e:{}", Kind::of(&entity.what).name());
    }
    if token.shape == Shape::Punct {
        return token.text.clone();
    }
    let word = token.lower.as_str();
    // "plan A"
    if token.text == "A" && at > 0 && !matches!(u.word(at - 1), "." | "!" | "?") {
        return "U".into();
    }
    if stands_for_itself(word) {
        return word.to_owned();
    }
    if scene.verb_at.contains(&at) {
        return "VERB".into();
    }
    if is_filler(word) {
        return "filler".into();
    }
    let mut out = word_classes(&token.text, word);
    // a word that is nothing but a name
    let letter = named(word).letter();
    if matches!(letter, 'G' | 'F' | 'T' | 'C' | 'W' | 'S') && out.starts_with(['u', 'U']) {
        out.push(letter);
    }
    out
}

/// Whether a word is one of those that hold a sentence together.
fn stands_for_itself(word: &str) -> bool {
    is_preposition(word)
        || is_determiner(word)
        || is_pronoun(word)
        || is_modal(word)
        || is_question_word(word)
        || is_negation(word)
        || classes(word).function()
        || LABELS.contains(&word)
}

/// A letter for each class the word may be of: unknown, noun, verb (`g` in -ing, `d` in -ed), adjective, adverb.
fn word_classes(text: &str, word: &str) -> String {
    let known = classes(word);
    let mut out = String::new();
    if !known.known() {
        out.push(if text.starts_with(char::is_uppercase) { 'U' } else { 'u' });
    }
    if known.noun() {
        out.push('n');
    }
    if known.verb() {
        out.push(if word.ends_with("ing") {
            'g'
        } else if word.ends_with("ed") {
            'd'
        } else {
            'v'
        });
    }
    if known.adjective() {
        out.push('j');
    }
    if known.adverb() {
        out.push('r');
    }
    out
}

impl Sheet<'_> {
    /// The tag of a token; behind the region only what divides is told.
    pub(super) fn tag(&self, at: usize, region: (usize, usize)) -> &str {
        if at < region.1 {
            return &self.tags[at];
        }
        match self.tags.get(at).map(String::as_str) {
            Some(text @ ("." | "!" | "?" | "," | ";" | "and" | "then" | "but")) => text,
            _ => "END",
        }
    }

    /// The tag of the token before another.
    pub(super) fn tag_before(&self, at: usize, region: (usize, usize)) -> &str {
        match at.checked_sub(1) {
            Some(before) if before >= region.0 => &self.tags[before],
            _ => "BEGIN",
        }
    }

    /// The preposition that a place in the text hangs on, or what is met instead on the way back.
    pub(super) fn preposition(&self, from: usize, region: (usize, usize)) -> &str {
        let u = self.scene.u;
        let mut at = from;
        for _ in 0..PREPOSITION_GAP {
            let Some(before) = at.checked_sub(1).filter(|before| *before >= region.0) else {
                return "BEGIN";
            };
            at = before;
            let word = u.word(at);
            if is_preposition(word) {
                return word;
            }
            if self.tags[at] == "VERB" {
                return "VERB";
            }
            if u.tokens[at].shape == Shape::Punct && !matches!(word, "#" | "(" | "-") || matches!(word, "and" | "or" | "but") {
                return "CUT";
            }
        }
        "FAR"
    }
}
