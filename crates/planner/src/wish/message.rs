//! A message as all readings see it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jiff::civil::DateTime;

use super::fits::Fits;
use super::words::{VERB_NEAR, Word, verb_nearness};
use crate::clause::{Clause, Mood, analyse};
use crate::goals::refers;
use crate::schema::ToolFacts;
use bedplate_language::entities::Utterance;

/// Most clauses that a message is cut into: each border doubles the readings that are weighed.
const FINE_MAX: usize = 10;

/// What the turn before left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pending {
    /// A question about a call of this tool.
    Open(usize),
    /// A call of this tool.
    Done(usize),
}

impl Pending {
    /// How facts name it, and the tool.
    pub(super) fn parts(self) -> (&'static str, usize) {
        match self {
            Self::Open(tool) => ("open", tool),
            Self::Done(tool) => ("done", tool),
        }
    }
}

/// A message as all readings see it.
pub(crate) struct Message<'a> {
    pub(super) u: &'a Utterance,
    pub(super) list: &'a [Clause],
    pub(super) tools: &'a [ToolFacts],
    pub(super) now: DateTime,
    pub(super) pending: Option<Pending>,
    /// The clauses, cut at every "and" as well: where a second wish may begin.
    pub(super) fine: Vec<Clause>,
    pub(super) words: Vec<Word>,
    /// Fits that were computed before, by clauses and tool.
    pub(super) known: RefCell<HashMap<(usize, usize, usize), Rc<Fits>>>,
}

/// The tokens of clauses and of their conditions.
pub(super) fn spans(clauses: &[Clause]) -> impl Iterator<Item = (usize, usize)> {
    clauses.iter().flat_map(|clause| {
        std::iter::once((clause.from, clause.to)).chain(clause.condition.iter().map(|condition| (condition.from, condition.to)))
    })
}

impl<'a> Message<'a> {
    pub(crate) fn new(u: &'a Utterance, list: &'a [Clause], tools: &'a [ToolFacts], pending: Option<Pending>, now: DateTime) -> Self {
        Self {
            u,
            list,
            tools,
            now,
            pending: pending.filter(|pending| matches!(pending, Pending::Open(_)) || !says_all(u, list, tools)),
            fine: fine(u, list),
            words: (0..u.tokens.len()).filter_map(|at| Word::read(u, list, tools, at)).collect(),
            known: RefCell::default(),
        }
    }

    /// The tokens of clauses `from..to`, conditions included.
    pub(super) fn spans(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        spans(&self.fine[from..to]).filter(|(from, to)| from < to).collect()
    }
}

/// Whether a message names its action itself and points at nothing, so that what was done before says nothing about it.
fn says_all(u: &Utterance, list: &[Clause], tools: &[ToolFacts]) -> bool {
    !refers(u, 0, u.tokens.len())
        && list.iter().any(|clause| {
            let verb = clause.verb.as_ref().filter(|_| clause.mood == Mood::Command);
            verb.is_some_and(|verb| tools.iter().any(|tool| verb_nearness(verb, tool) >= VERB_NEAR))
        })
}

/// The clauses cut at every "and" between words: "the abstract of A and the papers that cite B".
fn fine(u: &Utterance, list: &[Clause]) -> Vec<Clause> {
    let mut out: Vec<Clause> = Vec::new();
    for clause in list {
        let mut from = clause.from;
        let inside = |at: usize| u.entities.iter().any(|entity| entity.from < at + 1 && at < entity.to);
        for at in clause.from + 1..clause.to.saturating_sub(1) {
            if u.word(at) == "and" && !inside(at) && at > from && out.len() < FINE_MAX {
                out.push(analyse(u, from, at));
                from = at + 1;
            }
        }
        if from == clause.from {
            out.push(clause.clone());
            continue;
        }
        let first = out.iter().position(|part| part.from == clause.from);
        if let Some(first) = first {
            out[first].condition.clone_from(&clause.condition);
            out[first].forbidden = clause.forbidden;
        }
        out.push(analyse(u, from, clause.to));
    }
    out
}
