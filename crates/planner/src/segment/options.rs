//! Words that may name one of the allowed values.

use std::borrow::Cow;

use serde_json::Value;

use super::{Candidate, Kind, Scene};
use crate::schema::Param;
use bedplate_language::codes::language;
use bedplate_language::cues::{Cue, value_cue};
use bedplate_language::entities::Utterance;
use bedplate_language::kinds::{is_kind, kinds};
use bedplate_language::measures::measure;
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, Token, name_words};
use bedplate_language::words::is_stop;

/// Nearness of synonyms in the thesaurus, and of a word that begins with the other.
const SYNONYM: f64 = 0.8;
const ALIKE: f64 = 0.6;
/// Shorter words begin like many others.
const ALIKE_CHARS_MIN: usize = 5;
/// Words of a value that are shorter say little: "of", "to".
const CONTENT_CHARS_MIN: usize = 3;
/// How far behind its verb a particle may stand: "turn the radio on".
const PARTICLE_GAP: usize = 3;
/// Longest name of a kind, in tokens, and how far apart the words of a value may stand.
const KIND_MAX: usize = 4;
/// How far behind "one of" the colon may stand: "one of these slots: …".
const OFFER_GAP: usize = 5;
const WINDOW: usize = 3;

/// Every place where an allowed value is named.
pub(super) fn options(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    for option in &param.options {
        for at in (0..u.tokens.len()).filter(|at| scene.region(*at).is_some()) {
            if let Some((how, used)) = option_at(u, at, option, param)
                && scene.open(at, at + used)
            {
                out.push(Candidate::new((at, at + used), Kind::Option, how, option.clone()));
            }
        }
    }
    offered(u, out);
}

/// "One of these: A, B or C": whoever leaves the choice gets the first.
fn offered(u: &Utterance, out: &mut Vec<Candidate>) {
    let Some(of) = (1..u.tokens.len()).find(|at| u.word(*at) == "of" && matches!(u.word(at - 1), "one" | "any")) else {
        return;
    };
    let Some(colon) = (of..u.tokens.len().min(of + OFFER_GAP)).find(|at| u.word(*at) == ":") else {
        return;
    };
    let end = (colon..u.tokens.len())
        .find(|at| matches!(u.word(*at), "." | "!" | "?"))
        .unwrap_or(u.tokens.len());
    let listed = |candidate: &Candidate| candidate.kind == Kind::Option && (colon..end).contains(&candidate.from);
    if let Some(first) = out
        .iter()
        .filter(|candidate| listed(candidate))
        .map(|candidate| candidate.from)
        .min()
    {
        out.retain(|candidate| !listed(candidate) || candidate.from == first);
    }
}

/// How surely a value is named, and with how many tokens.
type Named = Option<(&'static str, usize)>;

/// An allowed value and the token where it may be named.
struct Spot<'a> {
    u: &'a Utterance,
    at: usize,
    token: &'a Token,
    text: &'a str,
    /// Stems of the value's words; there is at least one.
    words: &'a [String],
    param: &'a Param,
}

/// Whether the text names an allowed value at `at`: how surely, and with how many tokens.
pub(crate) fn option_at(u: &Utterance, at: usize, option: &Value, param: &Param) -> Named {
    let text = match option {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    let words: Vec<String> = name_words(&text).iter().map(|word| stem(word)).collect();
    let token = u.tokens.get(at)?;
    let spot = Spot {
        u,
        at,
        token,
        text: &text,
        words: &words,
        param,
    };
    if words.is_empty() || spot.is_article() {
        return None;
    }
    if let Some(exact) = spot.exact() {
        return Some(exact);
    }
    if token.shape != Shape::Word {
        return None;
    }
    // "de" or "de-AT" for "German"
    if language(&token.lower).is_some_and(|code| text.split(['-', '_']).next().is_some_and(|first| first.eq_ignore_ascii_case(code))) {
        return Some(("exact", 1));
    }
    let cue = spot.cue();
    let found = spot.phrase().or_else(|| spot.verb()).or_else(|| spot.kind());
    let found = found.or_else(|| cue.filter(|(_, used)| *used > 1));
    let found = match &words[..] {
        [word] => found.or_else(|| spot.word(word)),
        _ => found.or_else(|| spot.part()),
    };
    match found {
        None | Some(("alike" | "part~", _)) => cue.or(found),
        found => found,
    }
}

impl Spot<'_> {
    /// Whether the value is a letter, and the token is an article or another word.
    fn is_article(&self) -> bool {
        let letter = self.text.len() == 1 && self.text.chars().all(|c| c.is_ascii_uppercase());
        let begins = self.at == 0 || matches!(self.u.word(self.at - 1), "." | "!" | "?");
        letter && self.token.text != self.text || self.text == "A" && begins
    }

    /// "checked-in", "checked in", "checkedin".
    fn exact(&self) -> Named {
        let Self { u, at, token, words, .. } = self;
        let spoken = |(index, word): (usize, &String)| {
            u.tokens
                .get(at + index)
                .is_some_and(|token| token.stem == *word || token.lower == *word)
        };
        if words.iter().enumerate().all(spoken) {
            return Some((if words.len() > 1 { "exact+" } else { "exact" }, words.len()));
        }
        let joined = self.text.to_lowercase().replace(['-', '_', ' '], "");
        if token.lower.replace(['-', ' '], "") == joined {
            return Some(("exact", 1));
        }
        // "250 grams" for `g`
        if measure(&token.lower).is_some_and(|unit| measure(&joined) == Some(unit)) {
            return Some(("exact", 1));
        }
        let next = u.tokens.get(at + 1)?;
        let both = joined.strip_prefix(token.lower.as_str()) == Some(next.lower.as_str());
        both.then_some(("exact", 2))
    }

    /// A phrase that means the same.
    fn phrase(&self) -> Named {
        let known = thesaurus();
        let (phrase, used) = known.phrase(|index| self.u.tokens.get(self.at + index).map(|token| token.stem.as_str()))?;
        (known.similarity(&self.words.join("_"), &phrase) >= SYNONYM).then_some(("synonym+", used))
    }

    /// A verb that means the same, with its particle or alone.
    fn verb(&self) -> Named {
        let known = thesaurus();
        let [word] = self.words else { return None };
        if !known.is_verb(word) {
            return None;
        }
        let near = |verb: &str| known.verb_similarity(word, verb) >= SYNONYM;
        let stem = &self.token.stem;
        let particle = (1..=PARTICLE_GAP)
            .map_while(|gap| self.u.tokens.get(self.at + gap))
            .find(|particle| matches!(particle.lower.as_str(), "on" | "off" | "up" | "down" | "out" | "back" | "in"));
        if particle.is_some_and(|particle| near(&format!("{stem}_{}", particle.stem))) {
            return Some(("verb+", 1));
        }
        (near(stem) && known.similarity(word, stem) < SYNONYM).then_some(("verb", 1))
    }

    /// "The oven": an appliance.
    fn kind(&self) -> Named {
        if is_stop(&self.token.lower) {
            return None;
        }
        let end = (self.at + KIND_MAX).min(self.u.tokens.len());
        let here: Vec<&str> = (self.at..end).map(|at| self.u.word(at)).collect();
        let (_, used) = kinds(&here)?;
        is_kind(&here[..used], &self.words.join("_")).then_some(("kind", used))
    }

    /// What people say who mean the value.
    fn cue(&self) -> Named {
        let about = |topic: &str| {
            [&self.param.words, &self.param.about]
                .iter()
                .any(|words| words.iter().any(|word| word == topic))
        };
        let cue = value_cue(self.u.cues.get(self.at)?, self.words, &about)?;
        Some((cue_names(&cue).0, cue.tokens))
    }

    /// A word that means the same as the one of the value.
    fn word(&self, word: &str) -> Named {
        let near = thesaurus().similarity(word, &self.token.stem);
        if near >= SYNONYM {
            Some(("synonym", 1))
        } else if derived(word, &self.token.stem) {
            Some(("derived", 1))
        } else {
            (near >= ALIKE && word.len() >= ALIKE_CHARS_MIN).then_some(("alike", 1))
        }
    }

    /// All of the value's words near each other, or one of them.
    fn part(&self) -> Named {
        let Self { u, at, token, words, .. } = self;
        let near = |word: &str, token: &Token| thesaurus().similarity(word, &token.stem) >= SYNONYM;
        let content: Vec<&String> = words.iter().filter(|word| word.len() >= CONTENT_CHARS_MIN).collect();
        let here = content.iter().any(|word| near(word, token));
        let there = |word: &&String| (0..WINDOW).any(|gap| u.tokens.get(at + gap).is_some_and(|token| near(word, token)));
        if here && content.iter().all(there) {
            Some(("all", 1))
        } else if words.contains(&token.stem) && token.stem.len() >= CONTENT_CHARS_MIN {
            Some(("part", 1))
        } else {
            here.then_some(("part~", 1))
        }
    }
}

/// How facts name a cue, and how they name it where it stands for the opposite.
pub(super) fn cue_names(cue: &Cue) -> (&'static str, &'static str) {
    match (cue.whole, cue.words) {
        (true, 1) => ("cue", "cue!"),
        (true, 2) => ("cue2", "cue2!"),
        (true, _) => ("cue3", "cue3!"),
        (false, 1) => ("cue~", "cue~!"),
        (false, _) => ("cue2~", "cue2~!"),
    }
}

/// Whether two stems are of one word: "damag" and "damage", "extract" and "extraction".
pub(super) fn derived(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.len() - common, b.len() - common);
    common >= 4 && (a <= 1 && b <= 4 || b <= 1 && a <= 4) || common >= 6 && a <= 4 && b <= 4
}
