//! Mentions, such as ids, names and amounts: which of several one is, and whether an id or a name is of the sort that is wanted.

use serde_json::Value;

use super::Facts;
use super::forms::{alike_example, letters};
use super::grades::{size, when};
use super::place::Weighed;
use crate::segment::Kind;
use crate::told::{foreign, id_examples, is_file, of_kind, shows_any_ending, shows_ending};
use bedplate_language::lexicon::classes;
use bedplate_language::stem::stem;

/// Longest code of capital letters and digits, such as `SFO` or `LH1234`: longer ones are names that somebody shouts.
const CODE_CHARS_MAX: usize = 6;
/// An id begins with the name of its kind when it begins with at least so many of its letters.
const PREFIX_CHARS_MIN: usize = 2;

impl Weighed<'_> {
    /// Which of several of its kind is it, for a parameter that is one of several of its role?
    pub(super) fn order(&self, facts: &mut Facts) {
        let (same_role, earlier) = self.siblings();
        let begins: Vec<usize> = self
            .sheet
            .scene
            .entities()
            .filter(|entity| Kind::of(&entity.what) == self.c.kind)
            .map(|entity| entity.from)
            .collect();
        let all = size(begins.len());
        let place = size(begins.iter().filter(|from| **from < self.c.from).count());
        facts.add(&["order", all, place, size(same_role), size(earlier)]);
        facts.add(&["order+end", all, place, self.end, self.role]);
        facts.add(&["order+kind", all, place, self.kind, self.role]);
    }

    /// Is it an id of what the parameter identifies?
    pub(super) fn id(&self, facts: &mut Facts) {
        let Some(Value::String(text)) = &self.c.value else { return };
        let (param, role) = (self.param, self.role);
        let prefixes = &self.sheet.scene.tool.prefixes;
        let shown = !id_examples(&param.shows).is_empty();
        let alike = alike_example(text, &param.shows);
        facts.add(&["id", when(shown, "shown"), when(alike, "alike"), role]);
        let other = foreign(text, &param.shows, prefixes);
        let own = of_kind(text, &param.shows, prefixes);
        facts.add(&["id", when(other, "foreign"), when(own, "kind"), role]);
        let ending = match (is_file(text), shows_ending(&param.description, text)) {
            (true, true) => "shown",
            (true, false) => "file",
            _ => "",
        };
        facts.add(&["file", ending, role]);
        let letters = letters(text).to_lowercase();
        let begins = letters.len() >= PREFIX_CHARS_MIN
            && param
                .words
                .iter()
                .any(|word| word.starts_with(&letters) || letters.starts_with(word.as_str()));
        facts.add(&["id+prefix", when(begins, "fits"), role]);
    }

    /// Is the name of the sort that the parameter wants, and is it one at all?
    pub(super) fn proper(&self, facts: &mut Facts) {
        let Some(Value::String(text)) = &self.c.value else { return };
        if self.c.kind != Kind::Proper {
            return;
        }
        let (param, role) = (self.param, self.role);
        let words = text.split(' ').count();
        let code = text.len() <= CODE_CHARS_MAX && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        facts.add(&["proper", size(words), when(code, "code"), role]);
        let lower = text.to_lowercase();
        let noun = stem(&lower);
        let own = self.sheet.scene.tool.words.contains(&noun) || param.words.contains(&noun);
        facts.add(&["proper+own", when(own, "own"), role]);
        facts.add(&["proper+known", when(classes(&lower).known(), "word"), role]);
        facts.add(&["proper+file", when(shows_any_ending(&param.description), "file")]);
        facts.add(&["proper+shown", when(!id_examples(&param.shows).is_empty(), "id"), role]);
    }
}
