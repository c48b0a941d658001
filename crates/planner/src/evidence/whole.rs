//! What speaks for and against all arguments of a call together: the words that none of them took, the order they stand in, and what is shared.
//!
//! The votes on single candidates cannot know what becomes of the other words. "Note that the van is late": that nothing took "the van is late"
//! is seen here.

use super::Facts;
use super::grades::{bucket, end_name, need, role_name, size, when};
use super::{ALIKE, Sheet};
use crate::schema::Param;
use crate::segment::{Candidate, Kind};

/// How many tokens may lie between two arguments that are told from the words between them.
const GAP_MAX: usize = 3;
/// Longest run of tokens that nothing took, of which each is named.
const RUN_MAX: usize = 3;
/// The tag that stands for any token that an argument took.
const TAKEN: &str = "TAKEN";

/// Where a token stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the clause of the wish, or in one around it.
    Main,
    Context,
    /// Not to be read.
    Outside,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Place::Main => "main",
            Place::Context => "context",
            Place::Outside => "outside",
        }
    }
}

/// A token as far as it matters for what stays untaken.
struct Spot {
    tag: String,
    place: Place,
    /// How near it is to the words of any parameter, and to those of the tool.
    name: &'static str,
    about: &'static str,
    tool: &'static str,
    /// Whether it ought to be taken: it names something, and neither a parameter nor the tool.
    content: bool,
}

/// The tokens of a scene, without the scene.
pub(crate) struct Ground(Vec<Spot>);

impl Sheet<'_> {
    /// What the facts about whole calls are read from.
    pub(crate) fn ground(&self) -> Ground {
        let scene = self.scene;
        let most = |rows: &[Vec<f64>], at: usize| rows.iter().map(|row| row[at]).fold(0.0, f64::max);
        let spot = |at: usize| {
            let place = match scene.region(at) {
                Some(_) if scene.blocked[at] => Place::Outside,
                Some(region) if scene.spans.first() == Some(&region) => Place::Main,
                Some(_) => Place::Context,
                None => Place::Outside,
            };
            let tag = self.tags[at].clone();
            let (name, tool) = (most(&self.name, at), self.tool[at]);
            let thing =
                matches!(tag.as_str(), "n" | "nv" | "j" | "nj" | "nvj" | "g") || tag.starts_with(['u', 'U']) || tag.starts_with("e:");
            Spot {
                place,
                name: bucket(name),
                about: bucket(most(&self.about, at)),
                tool: bucket(tool),
                content: thing && name < ALIKE && tool < ALIKE,
                tag,
            }
        };
        Ground((0..self.tags.len()).map(spot).collect())
    }
}

/// An argument with its parameter.
struct Filled<'a> {
    p: usize,
    c: &'a Candidate,
    role: &'static str,
    /// Whether the beginning or the end of something is wanted.
    end: &'static str,
}

impl Filled<'_> {
    /// Which of two parameters the tool has first.
    fn order(&self, later: &Filled) -> &'static str {
        if self.p < later.p { "<" } else { ">" }
    }
}

impl Ground {
    /// All that can be said of `picked`, one candidate for each of `params`; those that were settled before are `None`.
    pub(crate) fn facts(&self, params: &[Param], picked: &[Option<&Candidate>], facts: &mut Facts) {
        facts.ids.clear();
        let mut taken = vec![false; self.0.len()];
        let mut filled: Vec<Filled> = Vec::with_capacity(params.len());
        let (mut missed, mut extra) = (0, 0);
        for (p, (param, c)) in params.iter().zip(picked).enumerate() {
            match c {
                None => {}
                Some(c) if c.kind == Kind::Null => missed += usize::from(param.required),
                Some(c) => {
                    extra += usize::from(need(param) == "opt");
                    taken[c.from..c.to].fill(true);
                    let role = role_name(param.role);
                    let end = end_name(param.end);
                    filled.push(Filled { p, c, role, end });
                }
            }
        }
        facts.add(&["missed", size(missed)]);
        facts.add(&["extra", size(extra)]);
        facts.add(&["filled", size(filled.len())]);
        facts.add(&["filled+missed", size(filled.len()), size(missed)]);
        self.untaken(&taken, missed, facts);
        filled.sort_by_key(|filled| (filled.c.from, filled.c.to));
        for (at, one) in filled.iter().enumerate() {
            self.edges(one, &taken, facts);
            if let Some(next) = filled.get(at + 1) {
                self.between(one, next, facts);
            }
            filled[at + 1..].iter().for_each(|other| both(one, other, facts));
        }
    }

    /// The tag of a token, or that it was taken; beyond the text `end`.
    fn tag<'s>(&'s self, at: Option<usize>, taken: &[bool], end: &'static str) -> &'s str {
        match at.and_then(|at| Some((at, self.0.get(at)?))) {
            None => end,
            Some((at, _)) if taken[at] => TAKEN,
            Some((_, spot)) => &spot.tag,
        }
    }

    /// Did words stay untaken that ought to mean something?
    fn untaken(&self, taken: &[bool], missed: usize, facts: &mut Facts) {
        let mut things = 0;
        for (at, spot) in self.0.iter().enumerate() {
            if spot.place == Place::Outside || taken[at] {
                continue;
            }
            let tag = spot.tag.as_str();
            let (before, after) = (self.tag(at.checked_sub(1), taken, "BEGIN"), self.tag(Some(at + 1), taken, "END"));
            facts.add(&["left", tag, spot.place.name()]);
            facts.add(&["left+near", tag, spot.name, spot.tool]);
            facts.add(&["left+about", tag, spot.name, spot.about, spot.tool]);
            facts.add(&["left+beside", tag, when(before == TAKEN, "<"), when(after == TAKEN, ">")]);
            facts.add(&["left+around", before, tag, after]);
            facts.add(&["left+before", before, tag]);
            things += usize::from(spot.content);
        }
        facts.add(&["left+things", size(things)]);
        facts.add(&["left+things+missed", size(things), size(missed)]);
        self.runs(taken, missed, facts);
    }

    /// How long are the runs of words that nothing took, and what are they?
    fn runs(&self, taken: &[bool], missed: usize, facts: &mut Facts) {
        let open = |at: usize| !taken[at] && self.0[at].place != Place::Outside;
        let (mut run, mut longest, mut runs) = (0, 0, 0);
        for at in 0..self.0.len() {
            run = if open(at) && self.0[at].name == bucket(0.0) && self.0[at].tool == bucket(0.0) && self.0[at].tag != "VERB" {
                run + 1
            } else {
                0
            };
            runs += usize::from(run == 1);
            longest = longest.max(run);
        }
        facts.add(&["run", size(longest), size(missed)]);
        facts.add(&["runs", size(runs), size(missed)]);
        let mut at = 0;
        while at < self.0.len() {
            let from = at;
            while at < self.0.len() && open(at) {
                at += 1;
            }
            let tags: Vec<&str> = self.0[from..at].iter().map(|spot| spot.tag.as_str()).collect();
            match &tags[..] {
                [] => at += 1,
                few if few.len() <= RUN_MAX => {
                    let before = when(from > 0 && taken[from - 1], "<");
                    let after = when(at < taken.len() && taken[at], ">");
                    facts.add(&["run+whole", before, &few.join(" "), after]);
                }
                many => {
                    facts.add(&["run+begin", many[0], many[1]]);
                    facts.add(&["run+end", many[many.len() - 2], many[many.len() - 1]]);
                }
            }
        }
    }

    /// Which words did an argument leave beside it?
    fn edges(&self, one: &Filled, taken: &[bool], facts: &mut Facts) {
        let kind = one.c.kind.name();
        let before = self.tag(one.c.from.checked_sub(1), taken, "BEGIN");
        let after = self.tag(Some(one.c.to), taken, "END");
        facts.add(&["edges", before, after, kind]);
        facts.add(&["edge<", before, one.role, kind]);
        facts.add(&["edge<end", before, one.end, one.role]);
        facts.add(&["edge>", after, one.role, kind]);
    }

    /// Do two arguments follow each other as such two do?
    fn between(&self, one: &Filled, next: &Filled, facts: &mut Facts) {
        let order = one.order(next);
        let (kind, next_kind) = (one.c.kind.name(), next.c.kind.name());
        facts.add(&["next", one.role, next.role, order]);
        facts.add(&["next+end", one.role, one.end, next.role, next.end]);
        facts.add(&["next+kind", kind, next_kind, order]);
        if next.c.from < one.c.to || next.c.from - one.c.to > GAP_MAX {
            return;
        }
        let tags: Vec<&str> = self.0[one.c.to..next.c.from].iter().map(|spot| spot.tag.as_str()).collect();
        let gap = tags.join(" ");
        facts.add(&["gap", &gap]);
        facts.add(&["gap+role", &gap, one.role, next.role]);
        facts.add(&["gap+kind", &gap, kind, next_kind]);
    }
}

/// Do two arguments go together, and what do they share?
fn both(one: &Filled, other: &Filled, facts: &mut Facts) {
    let order = one.order(other);
    let (kind, other_kind) = (one.c.kind.name(), other.c.kind.name());
    facts.add(&["both", one.role, other.role, order]);
    if kind == other_kind {
        facts.add(&["both+kind", kind, order]);
    }
    if other.c.from >= one.c.to {
        return;
    }
    let how = if (one.c.from, one.c.to) == (other.c.from, other.c.to) {
        "same"
    } else if other.c.to <= one.c.to {
        "holds"
    } else if other.c.from == one.c.from {
        "begins"
    } else {
        "crosses"
    };
    facts.add(&["share", how]);
    facts.add(&["share+kind", how, kind, other_kind]);
    facts.add(&["share+role", how, one.role, other.role]);
}
