//! What the writer remembers of executions, so that a commit reads nothing. Nobody else writes the file, so it stays true.

use std::collections::HashMap;

use bedplate_journal::ExecId;

use crate::recent::Marks;

/// Executions of one generation; two are kept, so a remembered head costs at most twice this many entries of about 200 bytes.
const GENERATION_MAX: usize = 4_096;

/// An execution's head as the next commit must find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its number in the journal.
    pub(crate) number: i64,
    pub(crate) version: u64,
    pub(crate) marks: Marks,
}

/// Heads that were used lately. When the young ones are many they become the old ones, and what was old is forgotten.
#[derive(Default)]
pub(crate) struct Heads {
    young: HashMap<ExecId, Known>,
    old: HashMap<ExecId, Known>,
}

impl Heads {
    pub(crate) fn get(&self, exec: &ExecId) -> Option<&Known> {
        self.young.get(exec).or_else(|| self.old.get(exec))
    }

    pub(crate) fn put(&mut self, exec: &ExecId, known: Known) {
        if let Some(place) = self.young.get_mut(exec) {
            *place = known;
            return;
        }
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(exec.clone(), known);
    }

    pub(crate) fn forget(&mut self, exec: &ExecId) {
        self.young.remove(exec);
        self.old.remove(exec);
    }

    /// A transaction was rolled back: nothing remembered is sure.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}
