//! Which words are common English, and of what class: the lists of `lexicon.txt`, read once.
//!
//! The thesaurus knows which words may stand for one another; this only knows that a word is a word. A capital at the beginning of a sentence
//! says nothing about "Perfect" or "Excuse", and a small word that nobody knows ("lchen") is more likely a name than "days" is.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word can be; several at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    const VERB: u8 = 1;
    const NOUN: u8 = 2;
    const ADJECTIVE: u8 = 4;
    const ADVERB: u8 = 8;
    const FUNCTION: u8 = 16;

    /// Whether it is a word at all.
    pub fn known(self) -> bool {
        self.0 != 0
    }

    /// Can be a verb: "cancel", "booked".
    pub fn verb(self) -> bool {
        self.0 & Self::VERB != 0
    }

    /// Can be a noun: "garden", "boxes".
    pub fn noun(self) -> bool {
        self.0 & Self::NOUN != 0
    }

    /// Can be an adjective: "large", "larger".
    pub fn adjective(self) -> bool {
        self.0 & Self::ADJECTIVE != 0
    }

    /// Can be an adverb: "soon", "quickly".
    pub fn adverb(self) -> bool {
        self.0 & Self::ADVERB != 0
    }

    /// Articles, pronouns, prepositions, conjunctions, auxiliaries, greetings, small numbers.
    pub fn function(self) -> bool {
        self.0 & Self::FUNCTION != 0
    }

    /// Names nothing by itself: a word of class function or adverb that is no noun.
    pub fn empty(self) -> bool {
        self.known() && !self.noun() && !self.adjective() && (self.function() || self.adverb())
    }
}

static LEXICON: LazyLock<HashMap<&'static str, Classes>> = LazyLock::new(|| {
    let mut out: HashMap<&'static str, Classes> = HashMap::new();
    for line in include_str!("lexicon.txt").lines() {
        let Some((class, words)) = line.split_once(": ") else { continue };
        let class = match class {
            "verb" => Classes::VERB,
            "noun" => Classes::NOUN,
            "adjective" => Classes::ADJECTIVE,
            "adverb" => Classes::ADVERB,
            "function" => Classes::FUNCTION,
            _ => continue,
        };
        for word in words.split(' ') {
            out.entry(word).or_default().0 |= class;
        }
    }
    out
});

/// The classes of a lower-case word, whichever form it is in; none when nobody knows it.
pub fn classes(word: &str) -> Classes {
    let word = word.trim_end_matches("'s").trim_end_matches("’s");
    let plain = |base: &str, only: u8| LEXICON.get(base).map_or(0, |classes| classes.0 & only);
    let mut found = LEXICON.get(word).map_or(0, |classes| classes.0);
    let things = Classes::NOUN | Classes::VERB;
    if let Some(base) = word.strip_suffix("ies") {
        found |= plain(&format!("{base}y"), things);
    }
    if let Some(base) = word.strip_suffix("es") {
        found |= plain(base, things);
    }
    if let Some(base) = word.strip_suffix('s') {
        found |= plain(base, things);
    }
    for suffix in ["ed", "ing"] {
        let Some(base) = word.strip_suffix(suffix).filter(|base| base.len() >= 2) else {
            continue;
        };
        let mut bases = vec![base.to_owned(), format!("{base}e")];
        let mut letters = base.chars().rev();
        if let (Some(a), Some(b)) = (letters.next(), letters.next())
            && a == b
        {
            bases.push(base[..base.len() - a.len_utf8()].to_owned());
        }
        if let Some(root) = base.strip_suffix('i') {
            bases.push(format!("{root}y"));
        }
        found |= bases.iter().map(|base| plain(base, Classes::VERB)).fold(0, |all, one| all | one);
    }
    for suffix in ["er", "est"] {
        let Some(base) = word.strip_suffix(suffix).filter(|base| base.len() >= 3) else {
            continue;
        };
        let shorter = &base[..base.len() - base.chars().next_back().map_or(0, char::len_utf8)];
        let root = base.strip_suffix('i').map_or_else(String::new, |root| format!("{root}y"));
        for base in [base, &format!("{base}e"), shorter, &root] {
            found |= plain(base, Classes::ADJECTIVE);
        }
    }
    if let Some(base) = word.strip_suffix("ly")
        && (plain(base, Classes::ADJECTIVE) != 0
            || base
                .strip_suffix('i')
                .is_some_and(|root| plain(&format!("{root}y"), Classes::ADJECTIVE) != 0))
    {
        found |= Classes::ADVERB;
    }
    if crate::stem::irregular(word) {
        found |= Classes::VERB;
    }
    Classes(found)
}

#[cfg(test)]
mod tests {
    use super::classes;

    #[test]
    fn forms() {
        for verb in [
            "cancel",
            "cancelled",
            "booking",
            "moved",
            "tries",
            "tried",
            "stopped",
            "sent",
            "excuse",
        ] {
            assert!(classes(verb).verb(), "{verb}");
        }
        for noun in ["boxes", "days", "cities", "garden", "team's"] {
            assert!(classes(noun).noun(), "{noun}");
        }
        assert!(classes("larger").adjective() && classes("happiest").adjective() && classes("bigger").adjective());
        assert!(classes("happily").adverb() && classes("quickly").adverb());
        for name in ["lchen", "jpark", "zermatt", "okoro", "confluence"] {
            assert!(!classes(name).known(), "{name}");
        }
        assert!(classes("there").empty() && !classes("better").empty());
    }
}
