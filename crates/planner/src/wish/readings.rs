//! The ways to read a message, and what speaks for each.

use std::collections::HashMap;

use super::Message;
use super::trial::{mood, size, tool_class};
use super::words::NAMES_TOOL;
use crate::clause::Clause;
use crate::evidence::{Facts, when};
use crate::segment::Kind;
use crate::weights::Judge;

/// How many tools of each half are paired, for each border between clauses.
const PAIRS_MAX: usize = 3;

/// Most tools that are weighed: those that the words are nearest to.
const WEIGHED_MAX: usize = 16;
/// Longest message that is read as two wishes, in tokens. Every border between clauses doubles the work, and what is longer is a story.
const PAIRED_TOKENS_MAX: usize = 120;

/// One way to read a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    None,
    One(usize),
    /// The clauses before the border are for the first tool, the others for the second.
    Two(usize, usize, usize),
}

impl Message<'_> {
    /// What speaks for two wishes with a border before clause `border`.
    fn border(&self, border: usize, first: usize, second: usize, facts: &mut Facts) {
        facts.add(&["two"]);
        let (before, after) = (&self.fine[border - 1], &self.fine[border]);
        let between: Vec<&str> = (before.to..after.from).map(|at| self.u.word(at)).collect();
        facts.add(&["two+between", &between.join(" ")]);
        facts.add(&["two+mood", mood(before), mood(after)]);
        let (same, verb) = (when(first == second, "same"), when(after.verb.is_some(), "verb"));
        facts.add(&["two+after", mood(after), verb]);
        facts.add(&["two+same", same, verb]);
        facts.add(&["two+first", self.u.word(after.from)]);
        facts.add(&["two+size", size(self.fine.len()), size(border)]);
        let inner = self.list.iter().any(|clause| clause.from < after.from && after.from < clause.to);
        let inner = when(inner, "inner");
        facts.add(&["two+inner", inner, same]);
        facts.add(&["two+inner", inner, verb]);
        let kinds = |clause: &Clause| -> Vec<&str> {
            self.u
                .entities
                .iter()
                .filter(|entity| clause.from <= entity.from && entity.to <= clause.to)
                .map(|entity| Kind::of(&entity.what).name())
                .collect()
        };
        let alike = kinds(before).iter().any(|kind| kinds(after).contains(kind));
        facts.add(&["two+kinds", inner, when(alike, "alike"), same]);
        facts.add(&["two+class", tool_class(&self.tools[first]), tool_class(&self.tools[second])]);
        if after.forbidden {
            facts.add(&["two+forbidden"]);
        }
        if before.forbidden {
            facts.add(&["two+forbidden<"]);
        }
    }

    /// What speaks for no wish at all.
    pub(super) fn nothing(&self, facts: &mut Facts) {
        facts.add(&["none"]);
        let top = self.words.iter().flat_map(|word| word.ranks.iter().copied()).max().unwrap_or(0);
        facts.add(&["none+top", size(usize::from(top))]);
        let near = self
            .words
            .iter()
            .filter(|word| word.ranks.iter().any(|rank| *rank >= NAMES_TOOL))
            .count();
        facts.add(&["none+near", size(near)]);
        facts.add(&["none+words", size(self.words.len())]);
        facts.add(&["none+entities", size(self.u.entities.len())]);
        let unknown = self
            .words
            .iter()
            .filter(|word| word.class != "entity" && word.ranks.iter().all(|rank| *rank == 0))
            .count();
        facts.add(&["none+unknown", size(unknown)]);
        if let Some(pending) = self.pending {
            let (state, _) = pending.parts();
            let verb = self.list.iter().any(|clause| clause.verb.is_some());
            facts.add(&["none+pending", state]);
            facts.add(&["none+pending", state, size(self.words.len())]);
            facts.add(&["none+pending", state, when(verb, "verb")]);
            facts.add(&["none+pending", state, self.u.word(0)]);
            facts.add(&["none+pending+tokens", state, size(self.u.tokens.len())]);
        }
        for clause in self.list {
            facts.add(&["none+mood", mood(clause), when(clause.verb.is_some(), "verb")]);
            facts.add(&["none+first", self.u.word(clause.from)]);
        }
    }

    /// The tools that may be wished for, in their order; of many, those that the words are nearest to.
    pub(super) fn nearest(&self) -> Vec<usize> {
        let mut tools: Vec<usize> = (0..self.tools.len()).filter(|tool| !self.tools[*tool].asks).collect();
        if tools.len() > WEIGHED_MAX {
            let near = |tool: usize| self.words.iter().map(|word| u32::from(word.ranks[tool])).sum::<u32>();
            tools.sort_by_key(|tool| std::cmp::Reverse(near(*tool)));
            tools.truncate(WEIGHED_MAX);
            tools.sort_unstable();
        }
        tools
    }

    /// All readings with the facts of each; `wishes` leaves out pairs that have no chance.
    pub(crate) fn readings(
        &self,
        arguments: &dyn Judge,
        wishes: Option<&dyn Judge>,
        names: &mut Option<HashMap<u64, String>>,
    ) -> Vec<(Reading, Vec<u64>)> {
        let mut out = Vec::new();
        let mut facts = Facts {
            ids: Vec::new(),
            names: names.take(),
        };
        self.nothing(&mut facts);
        out.push((Reading::None, std::mem::take(&mut facts.ids)));
        let count = self.fine.len();
        let usable = self.nearest();
        let of = |from: usize, to: usize, facts: &mut Facts| -> Vec<(usize, Vec<u64>)> {
            usable
                .iter()
                .map(|tool| {
                    self.facts(from, to, *tool, arguments, facts);
                    (*tool, std::mem::take(&mut facts.ids))
                })
                .collect()
        };
        for (tool, ids) in of(0, count, &mut facts) {
            out.push((Reading::One(tool), ids));
        }
        let borders = if self.u.tokens.len() <= PAIRED_TOKENS_MAX { 1..count } else { 0..0 };
        for border in borders {
            let mut halves = [of(0, border, &mut facts), of(border, count, &mut facts)];
            if let Some(judge) = wishes {
                for half in &mut halves {
                    half.sort_by(|a, b| judge.score(&b.1).total_cmp(&judge.score(&a.1)));
                    half.truncate(PAIRS_MAX);
                }
            }
            for (first, one) in &halves[0] {
                for (second, two) in &halves[1] {
                    self.border(border, *first, *second, &mut facts);
                    let mut ids = std::mem::take(&mut facts.ids);
                    ids.extend(one.iter().chain(two));
                    out.push((Reading::Two(border, *first, *second), ids));
                }
            }
        }
        *names = facts.names.take();
        out
    }
}
