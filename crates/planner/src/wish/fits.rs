//! How well the mentions of a message fit the parameters of a tool.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Message;
use crate::evidence::{Facts, Sheet};
use crate::segment::{Kind, Scene, named};
use crate::weights::Judge;

/// How well mentions fit a tool.
#[derive(Default)]
pub(super) struct Fits {
    /// For each parameter: how much more speaks for its best mention than for none, and what that is.
    params: Vec<(f32, Option<Kind>)>,
    /// The same for each token where a mention begins: for its best parameter.
    placed: BTreeMap<usize, f32>,
}

impl Fits {
    /// For each parameter: how well its best mention fits, and what that is.
    pub(super) fn params(&self) -> impl Iterator<Item = (&'static str, Option<Kind>)> {
        self.params.iter().map(|(margin, kind)| (grade(*margin), *kind))
    }

    /// How well the mention that begins at a token finds its place.
    pub(super) fn place(&self, at: usize) -> &'static str {
        grade(self.placed.get(&at).copied().unwrap_or(f32::MIN))
    }
}

/// A name for how much more speaks for a mention than for none; `f32::MIN` means that there is no mention.
fn grade(margin: f32) -> &'static str {
    if margin == f32::MIN {
        "none"
    } else if margin < -3.0 {
        "bad"
    } else if margin < 0.0 {
        "weak"
    } else if margin < 2.0 {
        "fair"
    } else if margin < 5.0 {
        "good"
    } else {
        "sure"
    }
}

/// Whether it is likelier that the mention belongs elsewhere.
pub(super) fn fails(grade: &str) -> bool {
    matches!(grade, "none" | "bad" | "weak")
}

impl Message<'_> {
    /// How well the parameters of `tool` are met by clauses `from..to`.
    pub(super) fn fits(&self, from: usize, to: usize, tool: usize, arguments: &dyn Judge) -> Rc<Fits> {
        if let Some(known) = self.known.borrow().get(&(from, to, tool)) {
            return known.clone();
        }
        let spans = self.spans(from, to);
        let blocked: Vec<bool> = (0..self.u.tokens.len())
            .map(|at| self.u.dropped.iter().any(|(from, to)| (*from..*to).contains(&at)))
            .collect();
        let verb_at: Vec<usize> = self.fine[from..to]
            .iter()
            .flat_map(|clause| clause.verb_at.iter().copied())
            .collect();
        let scene = Scene {
            u: self.u,
            spans: &spans,
            verb_at: &verb_at,
            tool: &self.tools[tool],
            blocked: &blocked,
            now: self.now,
        };
        let sheet = Sheet::new(&scene);
        let mut facts = Facts::default();
        let mut out = Fits::default();
        for p in 0..scene.tool.params.len() {
            let mut best: Option<(f32, Kind)> = None;
            let mut absent = 0.0;
            for candidate in named(&scene, p) {
                sheet.facts(p, &candidate, &mut facts);
                let score = arguments.score(&facts.ids);
                if candidate.kind == Kind::Null {
                    absent = score;
                    continue;
                }
                if best.is_none_or(|(known, _)| score > known) {
                    best = Some((score, candidate.kind));
                }
                let slot = out.placed.entry(candidate.from).or_insert(f32::MIN);
                *slot = slot.max(score - absent);
            }
            out.params
                .push((best.map_or(f32::MIN, |(score, _)| score - absent), best.map(|(_, kind)| kind)));
        }
        let out = Rc::new(out);
        self.known.borrow_mut().insert((from, to, tool), out.clone());
        out
    }
}
