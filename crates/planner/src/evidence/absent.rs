//! What speaks for a parameter that was not mentioned: little in the text that it could be, and no need of it.

use std::collections::BTreeSet;

use super::grades::{bucket, need, role_name, size, type_name, when};
use super::{Facts, Sheet};
use crate::segment::Kind;

/// Mentions whose absence speaks for "not said".
const KINDS: &[&str] = &[
    "date", "time", "datetime", "number", "money", "id", "proper", "quoted", "length", "email",
];

impl Sheet<'_> {
    /// Does the text pass over parameter `p`?
    pub(super) fn absent(&self, p: usize, facts: &mut Facts) {
        let param = &self.scene.tool.params[p];
        let (role, ty, need) = (role_name(param.role), type_name(param.ty), need(param));
        let head = param.plain.last().map_or("", String::as_str);
        facts.add(&["null", role, need]);
        facts.add(&["null", ty, need]);
        facts.add(&["null", need]);
        facts.add(&["null+head", head, need]);
        let said: Vec<usize> = (0..self.tags.len()).filter(|at| self.scene.region(*at).is_some()).collect();
        let nearest = |row: &[f64]| bucket(said.iter().map(|at| row[*at]).fold(0.0, f64::max));
        let named = nearest(&self.name[p]);
        facts.add(&["null+named", named, role, need]);
        facts.add(&["null+named", named, ty]);
        facts.add(&["null+about", nearest(&self.about[p]), role]);
        facts.add(&[
            "null+options",
            when(!param.options.is_empty(), "options"),
            when(param.open, "open"),
            need,
        ]);
        let kinds: BTreeSet<&str> = self.scene.entities().map(|entity| Kind::of(&entity.what).name()).collect();
        for kind in KINDS {
            facts.add(&["null+kinds", kind, when(kinds.contains(kind), "there"), role]);
        }
        facts.add(&["null+person", when(self.names_person(), "there"), role, need]);
        facts.add(&["null+words", size(said.len()), role, need]);
    }
}
