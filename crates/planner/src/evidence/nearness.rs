//! How near the words in and around a candidate are to the words of the parameter, of its rivals and of the tool.

use super::Facts;
use super::grades::{bucket, type_name, when};
use super::place::Weighed;
use crate::schema::Param;
use bedplate_language::kinds::{Kinds, is_kind_name, kinds_of, kinds_of_head};

/// How many tokens before and behind a candidate count as near it: "guests: about four", "four of the guests".
const LEFT: usize = 3;
const RIGHT: usize = 2;
/// What a word of the description counts for, where a word of the name counts 1.
const ABOUT_SHARE: f64 = 0.6;
/// By how much one parameter has to be nearer than another: less than the steps of the thesaurus.
const NEARER: f64 = 0.1;
/// Less than this is no nearness at all.
const FAR: f64 = 0.3;
/// Longer phrases than this are of no kind.
const KIND_MAX: usize = 6;

/// Nearness to some words: of the token before a candidate, of the few before it, of its own and of those behind it.
#[derive(Clone, Copy, Default)]
pub(super) struct Near {
    pub(super) before: f64,
    pub(super) left: f64,
    pub(super) within: f64,
    pub(super) right: f64,
}

impl Near {
    /// The better of the two everywhere, where the other counts only its `share`.
    fn max(self, other: Self, share: f64) -> Self {
        Self {
            before: self.before.max(share * other.before),
            left: self.left.max(share * other.left),
            within: self.within.max(share * other.within),
            right: self.right.max(share * other.right),
        }
    }
}

/// Which of two parameters has the better right.
fn compare(own: f64, other: f64) -> &'static str {
    if own > other + NEARER {
        "own"
    } else if other > own + NEARER {
        "other"
    } else if own > FAR {
        "both"
    } else {
        "none"
    }
}

/// The names that the kind of a parameter's values may go under: the words of its name, and all of them as one.
fn kind_names(param: &Param) -> impl Iterator<Item = String> {
    let whole = param.words.join("_");
    let last = param.words.last().cloned();
    let first = (param.words.len() > 1 && !matches!(last.as_deref(), Some("id" | "number" | "code" | "date" | "time" | "count")))
        .then(|| param.words[0].clone());
    let about = param.about.first().cloned();
    std::iter::once(whole).chain(last).chain(first).chain(about)
}

/// Whether the values of a parameter are of one of these kinds.
fn names_kind(param: &Param, kinds: Kinds) -> bool {
    kind_names(param).any(|name| kinds.has(&name))
}

impl Weighed<'_> {
    /// How near the candidate stands to the words of `row`.
    pub(super) fn near(&self, row: &[f64]) -> Near {
        let (from, to) = (self.c.from, self.c.to);
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        Near {
            before: from.checked_sub(1).and_then(|at| row.get(at).copied()).unwrap_or(0.0),
            left: most(
                &mut (1..=LEFT)
                    .filter_map(|gap| from.checked_sub(gap))
                    .filter(|at| *at >= self.region.0)
                    .map(|at| row[at]),
            ),
            within: most(&mut row[from..to].iter().copied()),
            right: most(&mut (to..(to + RIGHT).min(self.region.1)).map(|at| row[at])),
        }
    }

    /// Do the parameter's own words stand near?
    pub(super) fn nearness(&self, facts: &mut Facts) {
        let Self { coarse, role, p, .. } = *self;
        let ty = type_name(self.param.ty);
        let (name, about, tool) = (
            self.near(&self.sheet.name[p]),
            self.near(&self.sheet.about[p]),
            self.near(&self.sheet.tool),
        );
        facts.add(&["name<1", bucket(name.before), coarse, role]);
        facts.add(&["name<", bucket(name.left), coarse, role]);
        facts.add(&["name<", bucket(name.left), coarse, ty]);
        facts.add(&["name>", bucket(name.right), coarse, role]);
        facts.add(&["name>", bucket(name.right), coarse]);
        facts.add(&["name.", bucket(name.within), coarse, role]);
        facts.add(&["name.", bucket(name.within), coarse]);
        facts.add(&["about<", bucket(about.left), coarse, role]);
        facts.add(&["about<", bucket(about.left), coarse]);
        facts.add(&["about>", bucket(about.right), coarse, role]);
        facts.add(&["about>", bucket(about.right), coarse]);
        facts.add(&["about.", bucket(about.within), coarse, role]);
        facts.add(&["tool.", bucket(tool.within), coarse, role]);
        facts.add(&["tool<", bucket(tool.before), coarse]);
    }

    /// Has another parameter a better right to it?
    pub(super) fn rivals(&self, facts: &mut Facts) {
        let Self { coarse, role, .. } = *self;
        let name = self.near(&self.sheet.name[self.p]);
        let own = name.max(self.near(&self.sheet.about[self.p]), ABOUT_SHARE);
        let rival = self
            .others()
            .map(|(other, _)| {
                self.near(&self.sheet.name[other])
                    .max(self.near(&self.sheet.about[other]), ABOUT_SHARE)
            })
            .fold(Near::default(), |most, near| most.max(near, 1.0));
        let (left, right) = (compare(own.left, rival.left), compare(own.right, rival.right));
        facts.add(&["rival<", left, coarse]);
        facts.add(&["rival>", right, coarse]);
        facts.add(&["rival<>", left, right, coarse, role]);
        facts.add(&["rival.", compare(name.within, rival.within), coarse, role]);
    }

    /// Are the words of the kind that the parameter is named for: an appliance, a dish?
    pub(super) fn kinds(&self, facts: &mut Facts) {
        let (c, coarse) = (self.c, self.coarse);
        if !self.param.textual() || c.to - c.from > KIND_MAX || matches!(coarse, "true" | "false") {
            return;
        }
        let u = self.sheet.scene.u;
        let words: Vec<&str> = (c.from..c.to).map(|at| u.word(at)).collect();
        let whose = |found: Option<Kinds>| match found {
            None => "unknown",
            Some(kinds) if names_kind(self.param, kinds) => "own",
            Some(kinds) if self.others().any(|(_, other)| names_kind(other, kinds)) => "other",
            Some(_) => "some",
        };
        let head = whose(kinds_of_head(&words));
        let wanted = when(kind_names(self.param).any(|name| is_kind_name(&name)), "kind");
        facts.add(&["kindof", head, wanted, coarse]);
        facts.add(&["kindof", head, wanted, coarse, self.role]);
        facts.add(&["kindof+whole", whose(kinds_of(&words)), wanted, coarse]);
        facts.add(&["kindof+first", whose(kinds_of(&words[..1])), head, wanted]);
        if let Some(before) = self.left() {
            facts.add(&["kindof<", whose(kinds_of(&[u.word(before)])), head, wanted]);
        }
        if let Some(after) = self.right() {
            facts.add(&["kindof>", whose(kinds_of(&[u.word(after)])), head, wanted]);
        }
    }
}
