//! Choices: allowed values, yes or no, and lists.

use super::Facts;
use super::grades::{NEAR, bucket, size, type_name, when};
use super::place::Weighed;
use crate::schema::Param;
use crate::segment::option_at;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::words::is_negation;

/// How many tokens before an allowed value it may be denied: "not in the red".
const DENIAL_GAP: usize = 3;
/// How many tokens before or behind the word for a yes-or-no: "please do not send me a receipt".
const FLAG_GAP: usize = 4;

/// Whether the word joins the things of a list.
fn joins(word: &str) -> bool {
    matches!(word, "," | "and" | "&" | "or" | "plus")
}

impl Weighed<'_> {
    /// Whether an allowed value of `param` is said word for word at `at`.
    pub(super) fn says_option(&self, at: usize, param: &Param) -> bool {
        param
            .options
            .iter()
            .any(|option| option_at(self.sheet.scene.u, at, option, param).is_some_and(|(how, _)| how.starts_with("exact")))
    }

    /// Whether one of the `gap` tokens before the candidate denies it.
    fn denied(&self, gap: usize, begin: usize, denies: impl Fn(&str) -> bool) -> bool {
        (1..=gap)
            .filter_map(|gap| self.c.from.checked_sub(gap))
            .filter(|at| *at >= begin)
            .any(|at| denies(self.sheet.scene.u.word(at)))
    }

    /// Is the allowed value meant, or is the word there for another reason?
    pub(super) fn option(&self, facts: &mut Facts) {
        let (sheet, c, how, need) = (self.sheet, self.c, self.c.how, self.need);
        let name = self.near(&sheet.name[self.p]);
        facts.add(&["option", how, need]);
        facts.add(&["option", how, self.before]);
        facts.add(&["option", how, self.after]);
        facts.add(&["option+verb", how, when(sheet.scene.verb_at.contains(&c.from), "verb"), need]);
        facts.add(&["option+tool", how, bucket(sheet.tool[c.from])]);
        facts.add(&["option+near", how, bucket(name.left), bucket(name.right)]);
        facts.add(&["option+tag", how, &sheet.tags[c.from]]);
        facts.add(&["option+open", how, if self.param.open { "open" } else { "closed" }]);
        facts.add(&["option+not", when(self.denied(DENIAL_GAP, 0, is_negation), "not"), how]);
        let others = self.others().any(|(_, other)| self.says_option(c.from, other));
        facts.add(&["option+other", how, when(others, "other")]);
        let fitting = self
            .param
            .options
            .iter()
            .filter(|option| option_at(sheet.scene.u, c.from, option, self.param).is_some())
            .count();
        facts.add(&["option+shared", how, size(fitting)]);
    }

    /// Is it a yes or a no?
    pub(super) fn flag(&self, facts: &mut Facts) {
        let (sheet, param, c) = (self.sheet, self.param, self.c);
        let (kind, how, need) = (self.kind, self.c.how, self.need);
        let u = sheet.scene.u;
        let denied = self.denied(FLAG_GAP, self.region.0, |word| {
            is_negation(word) || matches!(word, "off" | "skip" | "drop" | "remove" | "cancel" | "disable" | "stop")
        });
        let later = (c.to..(c.to + FLAG_GAP).min(self.region.1)).any(|at| is_negation(u.word(at)) || u.word(at) == "off");
        let sign = match (denied, later) {
            (true, _) => "not<",
            (_, true) => "not>",
            _ => "",
        };
        let negative = param
            .words
            .iter()
            .any(|word| matches!(word.as_str(), "no" | "without" | "skip" | "exclud" | "disabl" | "un"));
        facts.add(&["flag", kind, sign, how]);
        facts.add(&["flag", kind, sign, when(negative, "neg")]);
        facts.add(&["flag", kind, sign, need]);
        facts.add(&["flag", how, need]);
        facts.add(&["flag+tool", kind, bucket(sheet.tool[c.from]), how]);
        facts.add(&["flag+tag", how, &sheet.tags[c.from]]);
        facts.add(&["flag+first", kind, sign, self.first]);
        facts.add(&["flag+how", kind, how, sign]);
        facts.add(&["flag+how", kind, how, self.head]);
        let whole = param
            .words
            .iter()
            .filter(|word| word.len() > 2)
            .all(|word| u.tokens.iter().any(|token| thesaurus().similarity(word, &token.stem) >= NEAR));
        facts.add(&["flag+whole", if whole { "whole" } else { "part" }, how]);
    }

    /// Is the list whole, and are its things of one sort?
    pub(super) fn list(&self, facts: &mut Facts) {
        let (how, role, head, need) = (self.c.how, self.role, self.head, self.need);
        let items = type_name(self.param.items);
        let u = self.sheet.scene.u;
        facts.add(&["list", how, items, role]);
        facts.add(&["list+head", how, head]);
        let left = self.left().is_some_and(|at| joins(u.word(at)));
        let right = self.right().is_some_and(|at| joins(u.word(at)));
        facts.add(&["list+more", when(left, "<"), when(right, ">"), how]);
        let inside: Vec<&str> = self.tags().iter().map(String::as_str).filter(|tag| !joins(tag)).collect();
        let entities = inside.iter().filter(|tag| tag.starts_with("e:")).count();
        let mix = if entities == inside.len() {
            "entities"
        } else if entities == 0 {
            "words"
        } else {
            "mixed"
        };
        facts.add(&["list+mix", mix, items, role]);
        facts.add(&["list+mix", mix, how]);
        if let Some(first) = inside.first().filter(|tag| tag.starts_with("e:")) {
            facts.add(&["list+kind", first, mix]);
            facts.add(&["list+kind", first, mix, need]);
            facts.add(&["list+kind", first, mix, role]);
            facts.add(&["list+kind", first, mix, head]);
        }
        facts.add(&["list+options", when(!self.param.options.is_empty(), "options"), how]);
    }
}
