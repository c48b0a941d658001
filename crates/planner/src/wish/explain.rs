//! Why a message was read as it was: the best readings with their votes.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Message, Reading};
use crate::weights::{Judge, Weights};

/// Readings and facts that an explanation tells.
const READINGS_SHOWN: usize = 3;
const VOTES_SHOWN: usize = 8;

impl Message<'_> {
    /// Tells the best readings with what speaks most for and against each, and the arguments of tools.
    pub(crate) fn explain(&self, out: &mut String) {
        let judge = Weights::wishes();
        let mut names = Some(HashMap::new());
        let mut all = self.readings(Weights::arguments(), None, &mut names);
        all.sort_by(|a, b| judge.score(&b.1).total_cmp(&judge.score(&a.1)));
        for (reading, facts) in all.iter().take(READINGS_SHOWN) {
            let tools = match reading {
                Reading::None => Vec::new(),
                Reading::One(tool) => vec![(0, self.fine.len(), *tool)],
                Reading::Two(border, first, second) => vec![(0, *border, *first), (*border, self.fine.len(), *second)],
            };
            let _ = writeln!(out, "      {:.2} for {} wishes", judge.score(facts), tools.len());
            for (from, to, tool) in tools {
                let given = self.wish(from, to, tool, 0.0).assigned;
                let values: Vec<String> = self.tools[tool]
                    .params
                    .iter()
                    .zip(&given.values)
                    .filter_map(|(param, value)| value.as_ref().map(|value| format!("{}={value}", param.name)))
                    .collect();
                let _ = writeln!(out, "        {} {}", self.tools[tool].name, values.join(" "));
            }
            let mut votes: Vec<(f32, &str)> = facts
                .iter()
                .map(|fact| {
                    (
                        judge.score(&[*fact]),
                        names.as_ref().and_then(|names| names.get(fact)).map_or("", String::as_str),
                    )
                })
                .collect();
            votes.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
            let votes: Vec<String> = votes
                .iter()
                .take(VOTES_SHOWN)
                .map(|(vote, fact)| format!("{vote:+.2} {fact}"))
                .collect();
            let _ = writeln!(out, "        {}", votes.join(", "));
        }
    }
}
