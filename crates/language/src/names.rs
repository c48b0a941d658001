//! Proper names: what tells a person from a town and a firm when nothing else does. The lists of `names.txt`, read once.
//!
//! Like the kinds, the lists prove that a word is a name, never that it is none.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Most words of a listed name.
pub const NAME_WORDS_MAX: usize = 5;

/// What a word may be the name of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named(u16);

/// The sections of the lists with a letter each; a word that is in several goes by the first of them.
const SECTIONS: &[(&str, char)] = &[
    ("given", 'G'),
    ("family", 'F'),
    ("town", 'T'),
    ("company", 'C'),
    ("companyword", 'W'),
    ("street", 'S'),
    ("pet", 'P'),
    ("given+", 'g'),
    ("family+", 'f'),
    ("company+", 'c'),
    ("town+", 't'),
];

static LISTS: LazyLock<HashMap<&'static str, Named>> = LazyLock::new(|| {
    let mut out: HashMap<&'static str, Named> = HashMap::new();
    let mut section = 0;
    for line in include_str!("names.txt").lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = 1 << SECTIONS.iter().position(|(known, _)| *known == name).unwrap_or(SECTIONS.len());
            continue;
        }
        for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            out.entry(name).or_default().0 |= section;
        }
    }
    out
});

impl Named {
    /// A letter for what it names above all: `G` a person by the given name, `F` by the family name, `T` a town, `C` a company, `W` a word of
    /// companies, `S` of streets, `P` a pet; lower case when it is a common word as well, `-` when it names nothing.
    pub fn letter(self) -> char {
        let first = self.0.trailing_zeros() as usize;
        SECTIONS.get(first).map_or('-', |(_, letter)| *letter)
    }
}

/// What a phrase in lower case may be the name of.
pub fn named(phrase: &str) -> Named {
    LISTS.get(phrase).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_letters() {
        for (phrase, letter) in [
            ("clara", 'G'),
            ("clapham", 'T'),
            ("samsung", 'C'),
            ("gmbh", 'W'),
            ("will", 'g'),
            ("tomorrow", '-'),
        ] {
            assert_eq!(named(phrase).letter(), letter, "{phrase}");
        }
    }

    #[test]
    fn the_lists_are_well_formed() {
        for line in include_str!("names.txt").lines().filter(|line| !line.starts_with('#')) {
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest.split(']').next().unwrap();
                assert!(SECTIONS.iter().any(|(known, _)| *known == name), "unknown section {name}");
                continue;
            }
            for name in line.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                assert_eq!(name.to_lowercase(), name);
                assert!(name.split(' ').count() <= NAME_WORDS_MAX, "too long: {name}");
            }
        }
    }
}
