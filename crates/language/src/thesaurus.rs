//! Which words may stand for one another: the groups of `thesaurus.txt`, read once.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::stem::stem;

/// Broad kinds of verbs; two verbs of one class are related, of different classes at odds.
pub type Class = u8;
/// A group of synonyms.
pub type Group = u16;

/// What shows or finds something and changes nothing.
pub const READ: &str = "read";

/// The thesaurus.
pub struct Thesaurus {
    groups: HashMap<String, Vec<Group>>,
    verbs: HashMap<String, Vec<(Class, Group)>>,
    classes: Vec<String>,
    phrases: HashMap<String, Vec<Vec<String>>>,
    imperatives: HashSet<String>,
}

static THESAURUS: LazyLock<Thesaurus> = LazyLock::new(|| Thesaurus::read(include_str!("thesaurus.txt")));

/// The one thesaurus.
pub fn thesaurus() -> &'static Thesaurus {
    &THESAURUS
}

impl Thesaurus {
    fn read(text: &str) -> Self {
        let mut out = Self {
            groups: HashMap::new(),
            verbs: HashMap::new(),
            classes: Vec::new(),
            phrases: HashMap::new(),
            imperatives: HashSet::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let Some((head, words)) = line.split_once(':').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let group = index as Group;
            let class = head.split_once('.').map(|(class, _)| {
                let known = out.classes.iter().position(|known| known == class);
                known.unwrap_or_else(|| {
                    out.classes.push(class.to_owned());
                    out.classes.len() - 1
                }) as Class
            });
            for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                let parts: Vec<String> = word.split('_').map(stem).collect();
                let key = parts.join("_");
                if parts.len() > 1 {
                    let known = out.phrases.entry(parts[0].clone()).or_default();
                    if !known.contains(&parts) {
                        known.push(parts.clone());
                    }
                }
                match class {
                    Some(class) => {
                        if parts.len() == 1 {
                            out.imperatives.insert(word.to_owned());
                        }
                        let known = out.verbs.entry(key.clone()).or_default();
                        if !known.contains(&(class, group)) {
                            known.push((class, group));
                        }
                    }
                    None => {
                        let known = out.groups.entry(key).or_default();
                        if !known.contains(&group) {
                            known.push(group);
                        }
                    }
                }
            }
        }
        out
    }

    /// Number of stems (at least 2) that form a known phrase at the beginning of `stems`; the longest.
    pub fn phrase<'a>(&self, stems: impl Fn(usize) -> Option<&'a str>) -> Option<(String, usize)> {
        let first = stems(0)?;
        let known = self.phrases.get(first)?;
        known
            .iter()
            .filter(|parts| parts.iter().enumerate().all(|(index, part)| stems(index) == Some(part.as_str())))
            .max_by_key(|parts| parts.len())
            .map(|parts| (parts.join("_"), parts.len()))
    }

    /// Whether the stem is a verb that we know.
    pub fn is_verb(&self, stem: &str) -> bool {
        self.verbs.contains_key(stem)
    }

    /// Whether the word, as written, is the plain form of a verb.
    pub fn is_imperative(&self, word: &str) -> bool {
        self.imperatives.contains(word)
    }

    /// Whether the stem can be a noun that we know.
    pub fn is_noun(&self, stem: &str) -> bool {
        self.groups.contains_key(stem)
    }

    /// Whether the stem is known at all.
    pub fn knows(&self, stem: &str) -> bool {
        self.is_noun(stem) || self.is_verb(stem)
    }

    /// Whether one of the verb's classes is `class`.
    pub fn has_class(&self, stem: &str, class: &str) -> bool {
        self.verbs
            .get(stem)
            .is_some_and(|known| known.iter().any(|(index, _)| self.classes[*index as usize] == class))
    }

    /// The classes of a verb.
    pub fn classes(&self, stem: &str) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for (class, _) in self.verbs.get(stem).map(Vec::as_slice).unwrap_or_default() {
            let name = self.classes[*class as usize].as_str();
            if !out.contains(&name) {
                out.push(name);
            }
        }
        out
    }

    /// How near two verbs are: 1 the same, 0.85 synonyms, 0.4 of one class, 0 otherwise.
    pub fn verb_similarity(&self, a: &str, b: &str) -> f64 {
        if a == b {
            return 1.0;
        }
        let (Some(a), Some(b)) = (self.verbs.get(a), self.verbs.get(b)) else {
            return 0.0;
        };
        if a.iter().any(|(_, group)| b.iter().any(|(_, other)| other == group)) {
            return 0.85;
        }
        if a.iter().any(|(class, _)| b.iter().any(|(other, _)| other == class)) {
            return 0.4;
        }
        0.0
    }

    /// Whether two words are one or share a group of nouns.
    pub fn groups_shared(&self, a: &str, b: &str) -> bool {
        a == b
            || self.groups.get(a).is_some_and(|known| {
                self.groups
                    .get(b)
                    .is_some_and(|other| known.iter().any(|group| other.contains(group)))
            })
    }

    /// How near two words are: 1 the same, 0.8 synonyms, 0.6 one begins with the other, 0 otherwise.
    pub fn similarity(&self, a: &str, b: &str) -> f64 {
        if a == b {
            return 1.0;
        }
        if let (Some(a), Some(b)) = (self.groups.get(a), self.groups.get(b))
            && a.iter().any(|group| b.contains(group))
        {
            return 0.8;
        }
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        if short.len() >= 5 && long.starts_with(short) && long.len() - short.len() <= 5 {
            return 0.6;
        }
        if self.verbs.contains_key(a) && self.verbs.contains_key(b) {
            let near = self.verb_similarity(a, b);
            if near >= 0.8 {
                return 0.6;
            }
        }
        0.0
    }
}
