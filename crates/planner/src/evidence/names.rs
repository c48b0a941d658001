//! Proper names: whether a candidate is called as persons, towns and firms are.

use super::place::Weighed;
use super::{Facts, Sheet};
use crate::segment::Kind;
use bedplate_language::names::{NAME_WORDS_MAX, named};

/// Words of a candidate whose letters are told; longer ones tell something.
const LETTERS_MAX: usize = 4;

/// The letter of what a word names, also with an `'s`.
pub(super) fn name_letter(word: &str) -> char {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    named(word).letter()
}

impl Sheet<'_> {
    /// The letters of tokens `from..to`, or of the whole when that has a name.
    fn name_letters(&self, from: usize, to: usize) -> String {
        if to - from > LETTERS_MAX {
            return "long".to_owned();
        }
        if to - from > 1 && to - from <= NAME_WORDS_MAX {
            let words: Vec<&str> = (from..to).map(|at| self.scene.u.word(at)).collect();
            let whole = named(&words.join(" ")).letter();
            if whole != '-' {
                return format!("={whole}");
            }
        }
        self.letters[from..to].iter().collect()
    }

    /// Whether a person is named by the given name anywhere.
    pub(super) fn names_person(&self) -> bool {
        (0..self.tags.len()).any(|at| self.letters[at] == 'G' && self.scene.region(at).is_some())
    }
}

impl Weighed<'_> {
    /// Is it called as what the parameter wants is called?
    pub(super) fn names(&self, facts: &mut Facts) {
        let (sheet, c, coarse, role) = (self.sheet, self.c, self.coarse, self.role);
        if !matches!(c.kind, Kind::Phrase | Kind::Proper | Kind::List | Kind::Quoted) {
            return;
        }
        let letters = sheet.name_letters(c.from, c.to);
        let beside = |at: Option<usize>| at.map_or(String::new(), |at| sheet.letters[at].to_string());
        let (left, right) = (beside(self.left()), beside(self.right()));
        facts.add(&["names", &letters, coarse, role]);
        facts.add(&["names+head", &letters, self.head]);
        facts.add(&["names+before", &letters, self.before, coarse]);
        facts.add(&["names<>", &left, &letters, &right, coarse]);
        facts.add(&["names<", &left, coarse, role]);
        facts.add(&["names>", &right, coarse, role]);
    }
}
