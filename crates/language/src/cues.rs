//! What people say when they mean a value that has another name: "keep my name out of it" for `anonymous`, "it drips" for `leak`.
//!
//! The lists of `cues.txt`, read once. A cue speaks for a value only to somebody who asks for one of several such values: alone, "drips" names
//! nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stem::stem;
use crate::tokens::{Shape, Token};
use crate::words::is_determiner;

/// Most words of a cue; the longest listed has six.
pub const CUE_WORDS_MAX: usize = 8;

/// What a list of cues speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    /// One of several values.
    Value,
    /// A yes or a no.
    Flag(bool),
}

/// One line of the lists.
struct Entry {
    sense: Sense,
    /// Stems of what the question is about, if the cues speak for the value only then.
    topics: Vec<String>,
    /// The names of the value, each as its stems.
    names: Vec<Vec<String>>,
}

/// The stems of a cue behind its first, and the entry that it belongs to.
type Rest = (Vec<String>, u16);

struct Lists {
    entries: Vec<Entry>,
    /// By the first stem of a cue.
    by_first: HashMap<String, Vec<Rest>>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("cues.txt")));

/// Stems of words, each worked out once.
#[derive(Default)]
struct Stems<'t>(HashMap<&'t str, String>);

impl<'t> Stems<'t> {
    fn of(&mut self, words: impl Iterator<Item = &'t str>) -> Vec<String> {
        words.map(|word| self.0.entry(word).or_insert_with(|| stem(word)).clone()).collect()
    }
}

impl Lists {
    fn read(text: &str) -> Self {
        let mut known = Stems::default();
        let mut out = Self {
            entries: Vec::new(),
            by_first: HashMap::new(),
        };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (topics, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((topics, rest)) => (known.of(topics.split_whitespace()), rest.trim_start()),
                None => (Vec::new(), line),
            };
            let (sense, line) = match line.split_at_checked(1) {
                Some(("+", rest)) => (Sense::Flag(true), rest),
                Some(("-", rest)) => (Sense::Flag(false), rest),
                _ => (Sense::Value, line),
            };
            let Some((names, cues)) = line.split_once(':') else { continue };
            let Ok(number) = u16::try_from(out.entries.len()) else { break };
            // one name of a value speaks for its others
            for cue in cues.split(';').chain(names.split(',')) {
                let mut words = known.of(cue.split_whitespace().filter(|word| !is_determiner(word)));
                if !words.is_empty() && words.len() <= CUE_WORDS_MAX {
                    let first = words.remove(0);
                    out.by_first.entry(first).or_default().push((words, number));
                }
            }
            let names = names.split(',').map(|name| known.of(name.split_whitespace())).collect();
            out.entries.push(Entry { sense, topics, names });
        }
        out
    }

    /// The cues at `at`.
    fn at(&self, tokens: &[Token], at: usize) -> Vec<Hit> {
        let Some(first) = tokens.get(at).filter(|token| token.shape == Shape::Word) else {
            return Vec::new();
        };
        let hit = |(rest, entry): &Rest| {
            Some(Hit {
                entry: *entry,
                tokens: follows(tokens, at + 1, rest)? + 1,
                words: rest.len() + 1,
            })
        };
        self.by_first.get(&*word(first)).into_iter().flatten().filter_map(hit).collect()
    }
}

/// A cue that stands in a text.
#[derive(Clone, Debug)]
pub struct Hit {
    entry: u16,
    tokens: usize,
    words: usize,
}

/// The cues that begin at each token. The lists are long, so a text is looked through once.
pub fn cues(tokens: &[Token]) -> Vec<Vec<Hit>> {
    (0..tokens.len()).map(|at| LISTS.at(tokens, at)).collect()
}

/// The stem of a token as cues have it: "can't" is written `cant`.
fn word(token: &Token) -> Cow<'_, str> {
    if token.lower.contains(['\'', '’']) {
        Cow::Owned(stem(&token.lower.replace(['\'', '’'], "")))
    } else {
        Cow::Borrowed(&token.stem)
    }
}

/// How many tokens from `at` on are taken by `words`, with articles between them.
fn follows(tokens: &[Token], from: usize, words: &[String]) -> Option<usize> {
    let mut at = from;
    for wanted in words {
        while tokens.get(at).is_some_and(|token| is_determiner(&token.lower)) {
            at += 1;
        }
        tokens.get(at).filter(|token| word(token) == *wanted)?;
        at += 1;
    }
    Some(at - from)
}

/// How a cue speaks for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// How many tokens it takes.
    pub tokens: usize,
    /// How many words it has.
    pub words: usize,
    /// Whether the list is of the value itself, not of one of its words.
    pub whole: bool,
}

/// The best of the cues at one token for the value of these `words` (stems), when the question is `about` something.
pub fn value_cue(hits: &[Hit], words: &[String], about: &dyn Fn(&str) -> bool) -> Option<Cue> {
    let part = |name: &[String]| words.len() > 1 && name.len() == 1 && words.contains(&name[0]);
    let fits = |entry: &Entry| {
        let on_topic = entry.topics.is_empty() || entry.topics.iter().any(|topic| about(topic));
        entry.sense == Sense::Value && on_topic
    };
    best(hits, words, fits, part).map(|(cue, _)| cue)
}

/// The best of the cues at one token for a yes or a no of the parameter that is called by `words` (stems), and which of them it says.
pub fn flag_cue(hits: &[Hit], words: &[String]) -> Option<(bool, Cue)> {
    let part = |name: &[String]| name.iter().all(|word| words.contains(word));
    best(hits, words, |entry| entry.sense != Sense::Value, part).map(|(cue, sense)| (sense == Sense::Flag(true), cue))
}

/// The longest cue of an entry that fits: one of the very name rather than one of a `part` of it, the first listed of equals.
fn best(hits: &[Hit], words: &[String], fits: impl Fn(&Entry) -> bool, part: impl Fn(&[String]) -> bool) -> Option<(Cue, Sense)> {
    let mut best: Option<(Cue, Sense)> = None;
    for hit in hits {
        let entry = &LISTS.entries[usize::from(hit.entry)];
        if !fits(entry) {
            continue;
        }
        let whole = entry.names.iter().any(|name| name == words);
        let better = best.is_none_or(|(best, _)| (whole, hit.words) > (best.whole, best.words));
        if better && (whole || entry.names.iter().any(|name| part(name))) {
            let cue = Cue {
                tokens: hit.tokens,
                words: hit.words,
                whole,
            };
            best = Some((cue, entry.sense));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tokens::tokens;

    fn words(name: &str) -> Vec<String> {
        name.split(' ').map(stem).collect()
    }

    #[test]
    fn cues_speak_for_values_and_for_yes_or_no() {
        let text = tokens("please keep my name out of it, it dripped all night");
        let hits = cues(&text);
        let said =
            |at: usize, value: &str, topic: &str| value_cue(&hits[at], &words(value), &|about| about == stem(topic)).map(|cue| cue.tokens);
        let drips = text.iter().position(|token| token.lower == "dripped").unwrap();
        assert_eq!(said(drips, "plumbing", "category"), Some(1));
        assert_eq!(said(drips, "electrical", "category"), None);
        let flags = tokens("no need to tell them");
        let flag = cues(&flags).iter().find_map(|hits| flag_cue(hits, &words("notify")));
        assert_eq!(flag.map(|(yes, _)| yes), Some(false));
    }

    #[test]
    fn the_lists_are_well_formed() {
        let mut seen = HashSet::new();
        for line in include_str!("cues.txt")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (names, cues) = line.split_once(':').unwrap_or_else(|| panic!("no colon: {line}"));
            assert!(seen.insert(names), "twice: {names}");
            assert!(cues.split(';').all(|cue| !cue.trim().is_empty()), "an empty cue: {line}");
            assert_eq!(line.to_lowercase(), line, "capitals: {line}");
            assert!(!line.contains(['\'', '’']), "an apostrophe: {line}");
            assert!(
                cues.split(';').all(|cue| cue.split_whitespace().count() <= CUE_WORDS_MAX),
                "too long a cue: {line}"
            );
        }
        assert!(LISTS.entries.len() < usize::from(u16::MAX));
    }
}
