//! Words that say what is wanted: how near each is to every tool.

use crate::clause::Clause;
use crate::evidence::{NEAR, SAME};
use crate::schema::ToolFacts;
use crate::segment::Kind;
use bedplate_language::entities::Utterance;
use bedplate_language::kinds::kinds_of;
use bedplate_language::lexicon::classes;
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words};
use bedplate_language::words::{is_filler, is_stop};

/// Rank of a word that is a synonym of the tool's name, and of one that names a parameter or an allowed value.
pub(super) const NAMES_TOOL: u8 = 7;
pub(super) const NAMES_PART: u8 = 5;
/// Nearness of verbs that mean the same: the thesaurus says 0.85, and 0.4 for verbs that only do the same sort of thing.
pub(crate) const VERB_NEAR: f64 = 0.8;
/// Nearness of a word that begins with the other; the thesaurus says 0.6.
const ALIKE: f64 = 0.5;
/// How far behind its verb a particle may stand: "switch the big red lamp off".
const PARTICLE_GAP: usize = 5;

/// A word that says what is wanted, with its nearness to every tool.
pub(super) struct Word {
    pub(super) at: usize,
    /// For each tool: what the word is to it, and how much that is.
    pub(super) levels: Vec<&'static str>,
    pub(super) ranks: Vec<u8>,
    /// What the word is in its sentence.
    pub(super) class: &'static str,
}

impl Word {
    /// The word at a token, if it can say what is wanted.
    pub(super) fn read(u: &Utterance, list: &[Clause], tools: &[ToolFacts], at: usize) -> Option<Self> {
        let token = &u.tokens[at];
        let hidden = u.entities.iter().any(|entity| {
            entity.from <= at && at < entity.to && !matches!(Kind::of(&entity.what), Kind::Proper | Kind::Ordinal | Kind::Length)
        });
        if token.shape != Shape::Word || hidden {
            return None;
        }
        let verbal = classes(&token.lower).verb() || thesaurus().is_verb(&token.stem);
        let stems = stems(u, at, verbal);
        if stems.is_empty() {
            return None;
        }
        let kind = kinds_of(&[token.lower.as_str()]);
        let level = |tool: &ToolFacts| {
            let level = stems
                .iter()
                .map(|stem| level(stem, tool, verbal))
                .max_by_key(|level| rank(level))
                .unwrap_or("");
            // "peonies" where a tool has flowers
            let of = |words: &[String]| kind.is_some_and(|kind| words.iter().any(|word| kind.has(word)));
            if rank(level) < rank("kind") && (of(&tool.words) || tool.params.iter().any(|param| of(&param.words))) {
                "kind"
            } else {
                level
            }
        };
        let levels: Vec<&'static str> = tools.iter().map(level).collect();
        Some(Self {
            at,
            ranks: levels.iter().map(|level| rank(level)).collect(),
            levels,
            class: class(u, list, at),
        })
    }
}

/// What may be looked up for a word: the phrase it begins, the verb with its particle, itself.
fn stems(u: &Utterance, at: usize, verbal: bool) -> Vec<String> {
    let known = thesaurus();
    let token = &u.tokens[at];
    let mut stems = Vec::new();
    let phrase = known.phrase(|index| u.tokens.get(at + index).map(|token| token.stem.as_str()));
    if let Some((phrase, used)) = phrase
        && used > 1
    {
        stems.push(phrase);
    }
    // "switch the lamp off"
    if verbal {
        let particle = (at + 1..=at + PARTICLE_GAP)
            .take_while(|index| *index < u.tokens.len())
            .find(|index| matches!(u.word(*index), "on" | "off" | "up" | "down" | "out" | "back" | "over" | "away"));
        let joined = particle.map(|particle| format!("{}_{}", token.stem, u.word(particle)));
        stems.extend(joined.filter(|joined| known.is_verb(joined)));
    }
    if !is_stop(&token.lower) && !is_filler(&token.lower) {
        stems.push(token.stem.clone());
    }
    stems
}

/// What a word is in its sentence.
fn class(u: &Utterance, list: &[Clause], at: usize) -> &'static str {
    let of = classes(&u.tokens[at].lower);
    if list.iter().any(|clause| clause.verb_at.contains(&at)) {
        "VERB"
    } else if u.entities.iter().any(|entity| entity.from <= at && at < entity.to) {
        "entity"
    } else if of.verb() && !of.noun() {
        "verb"
    } else if of.noun() {
        "noun"
    } else {
        "other"
    }
}

/// How near a verb is to the nearest verb of a tool.
pub(crate) fn verb_nearness(verb: &str, tool: &ToolFacts) -> f64 {
    tool.verbs
        .iter()
        .map(|other| thesaurus().verb_similarity(verb, other))
        .fold(0.0, f64::max)
}

/// How much the levels are: 9 for the name of the tool, 0 for nothing.
fn rank(level: &str) -> u8 {
    match level {
        "name" => 9,
        "verb" => 8,
        "name~" => NAMES_TOOL,
        "verb~" => 6,
        "option" | "param" => NAMES_PART,
        "about" | "option~" => 4,
        "param~" | "kind" => 3,
        "about~" | "paramabout" | "name-" => 2,
        _ => 0,
    }
}

/// What a word is to a tool: the most that can be said.
fn level(word: &str, tool: &ToolFacts, verbal: bool) -> &'static str {
    let known = thesaurus();
    let best = |words: &[String]| words.iter().map(|other| known.similarity(word, other)).fold(0.0, f64::max);
    let name = best(&tool.words);
    if name >= SAME {
        return "name";
    }
    let verb = verb_nearness(word, tool);
    if verbal && verb >= SAME {
        return "verb";
    }
    if name >= NEAR {
        return "name~";
    }
    if verbal && verb >= VERB_NEAR {
        return "verb~";
    }
    let options = || {
        tool.params
            .iter()
            .flat_map(|param| &param.options)
            .filter_map(serde_json::Value::as_str)
            .flat_map(name_words)
            .map(|part| stem(&part))
    };
    if options().any(|part| part == word) {
        return "option";
    }
    if options().any(|part| known.similarity(&part, word) >= NEAR || verbal && known.verb_similarity(&part, word) >= VERB_NEAR) {
        return "option~";
    }
    let param = tool.params.iter().map(|param| best(&param.words)).fold(0.0, f64::max);
    if param >= SAME {
        return "param";
    }
    let about = best(&tool.about);
    if about >= SAME {
        return "about";
    }
    if param >= NEAR {
        return "param~";
    }
    if about >= NEAR || verbal && tool.about.iter().any(|other| known.verb_similarity(word, other) >= VERB_NEAR) {
        return "about~";
    }
    if tool.params.iter().any(|param| param.about.iter().any(|other| other == word)) {
        return "paramabout";
    }
    if name >= ALIKE {
        return "name-";
    }
    ""
}
