//! One candidate in its place: how it was read, and which words stand around it.

use super::grades::{end_name, need, role_name, size, type_name};
use super::{Facts, Sheet};
use crate::schema::Param;
use crate::segment::{Candidate, Kind};

/// A candidate that is weighed for a parameter, with what many facts about it mention.
pub(super) struct Weighed<'s> {
    pub(super) sheet: &'s Sheet<'s>,
    /// The parameter and its number.
    pub(super) param: &'s Param,
    pub(super) p: usize,
    pub(super) c: &'s Candidate,
    /// The span of the scene that the candidate begins in.
    pub(super) region: (usize, usize),
    pub(super) role: &'static str,
    pub(super) need: &'static str,
    pub(super) end: &'static str,
    /// The first and the last word of the parameter's name.
    pub(super) first: &'s str,
    pub(super) head: &'s str,
    /// What the candidate was read as, exactly and roughly.
    pub(super) kind: &'static str,
    pub(super) coarse: &'static str,
    /// The tags of its neighbours.
    pub(super) before: &'s str,
    pub(super) after: &'s str,
}

/// A rougher word for what a candidate was read as.
fn coarse(kind: Kind) -> &'static str {
    match kind {
        Kind::Phrase | Kind::List | Kind::Option | Kind::True | Kind::False => kind.name(),
        Kind::Date | Kind::DateTime | Kind::Time | Kind::Range | Kind::Joined | Kind::Ends | Kind::Part => "when",
        Kind::Length | Kind::Number | Kind::Money | Kind::Percent | Kind::Ordinal => "amount",
        _ => "name",
    }
}

impl<'s> Weighed<'s> {
    pub(super) fn new(sheet: &'s Sheet<'s>, p: usize, c: &'s Candidate) -> Self {
        let param = &sheet.scene.tool.params[p];
        let region = sheet.scene.region(c.from).unwrap_or((0, sheet.tags.len()));
        Self {
            sheet,
            param,
            p,
            c,
            region,
            role: role_name(param.role),
            need: need(param),
            end: end_name(param.end),
            first: param.plain.first().map_or("", String::as_str),
            head: param.plain.last().map_or("", String::as_str),
            kind: c.kind.name(),
            coarse: coarse(c.kind),
            before: sheet.tag_before(c.from, region),
            after: sheet.tag(c.to, region),
        }
    }

    /// The token before the candidate, and the one behind it, within the region.
    pub(super) fn left(&self) -> Option<usize> {
        self.c.from.checked_sub(1).filter(|at| *at >= self.region.0)
    }

    pub(super) fn right(&self) -> Option<usize> {
        Some(self.c.to).filter(|at| *at < self.region.1)
    }

    /// Its words' tags.
    pub(super) fn tags(&self) -> &'s [String] {
        &self.sheet.tags[self.c.from..self.c.to]
    }

    /// The other parameters with their numbers.
    pub(super) fn others(&self) -> impl Iterator<Item = (usize, &'s Param)> {
        let p = self.p;
        self.sheet
            .scene
            .tool
            .params
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != p)
    }

    /// Is what it was read as what the parameter takes?
    pub(super) fn reading(&self, facts: &mut Facts) {
        let Self { kind, role, need, .. } = *self;
        let how = self.c.how;
        facts.add(&["kind", kind, how, role, type_name(self.param.ty)]);
        facts.add(&["kind+need", kind, role, need]);
        facts.add(&["kind+items", kind, how, type_name(self.param.items), need]);
        facts.add(&["kind+head", kind, self.head]);
        facts.add(&["kind+end", kind, role, self.end]);
        let main = if self.sheet.scene.spans.first() == Some(&self.region) {
            "main"
        } else {
            "context"
        };
        facts.add(&["region", main, kind, role]);
    }

    /// Do the words around it introduce such a value?
    pub(super) fn neighbours(&self, facts: &mut Facts) {
        let Self {
            coarse,
            role,
            head,
            before,
            after,
            region,
            ..
        } = *self;
        let before2 = self.c.from.checked_sub(1).map_or("BEGIN", |at| self.sheet.tag_before(at, region));
        let after2 = self.right().map_or("END", |at| self.sheet.tag(at + 1, region));
        let prep = self.sheet.preposition(self.c.from, region);
        facts.add(&["prep", prep, coarse, role]);
        facts.add(&["prep+end", prep, coarse, role, self.end]);
        facts.add(&["prep+head", prep, coarse, head]);
        facts.add(&["prep+first", prep, coarse, self.first]);
        facts.add(&["before", before, coarse, role]);
        facts.add(&["before+head", before, coarse, head]);
        facts.add(&["before2", before2, before, coarse]);
        facts.add(&["after", after, coarse, role]);
        facts.add(&["after2", after, after2, coarse]);
        facts.add(&["around", before, after, coarse]);
    }

    /// Is it the beginning or the end that the parameter wants?
    pub(super) fn end(&self, facts: &mut Facts) {
        facts.add(&["how+end", self.kind, self.c.how, self.end]);
    }

    /// How many parameters of the role there are, and how many of them come before this one.
    pub(super) fn siblings(&self) -> (usize, usize) {
        let params = &self.sheet.scene.tool.params;
        let of_role = |params: &[Param]| params.iter().filter(|other| other.role == self.param.role).count();
        (of_role(params), of_role(&params[..self.p]))
    }

    /// Which of the parameters of its role reads candidates this way?
    pub(super) fn turn(&self, facts: &mut Facts) {
        let (same_role, earlier) = self.siblings();
        facts.add(&["how+place", self.kind, self.c.how, size(same_role), size(earlier)]);
    }
}
