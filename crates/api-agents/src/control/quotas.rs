//! How many there may be: the service's quotas with `--strict`, ten times as many without, so that nothing is unbounded.
//!
//! Aliases and action groups are counted in the transaction that adds one. Agents of an account have no row in common, so creates that meet
//! may pass their quota by as many as there are of them.

use bedplate_base::{Error, Kind, Result};

/// How many of something there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What is counted, and per what: `aliases per agent`.
    pub what: &'static str,
    /// The service's number, which holds with `--strict` (quota table of Amazon Bedrock).
    pub strict: usize,
    /// Ours, which holds otherwise.
    pub relaxed: usize,
}

impl Quota {
    const fn new(what: &'static str, strict: usize) -> Self {
        Self {
            what,
            strict,
            relaxed: strict * 10,
        }
    }

    /// The number that holds.
    pub const fn max(&self, strict: bool) -> usize {
        if strict { self.strict } else { self.relaxed }
    }

    /// Whether there may be `count` of them.
    ///
    /// # Errors
    /// `Quota` beyond the number that holds; `place` names what is too full (`agent ABCDEFGHIJ`), `remedy` what helps.
    pub(crate) fn check(&self, count: usize, strict: bool, place: &str, remedy: &str) -> Result<()> {
        let max = self.max(strict);
        if count <= max {
            return Ok(());
        }
        Err(Error::new(
            Kind::Quota,
            format!("{place} would have {count}, but the quota is {max} {}. {remedy}", self.what),
        ))
    }
}

/// Agents of one account in one region.
pub const AGENTS: Quota = Quota::new("agents per account", 200);
/// Aliases of one agent; the test alias does not count.
pub const ALIASES: Quota = Quota::new("aliases per agent", 10);
/// Action groups of an agent's DRAFT, switched off or not.
pub const ACTION_GROUPS: Quota = Quota::new("action groups per agent", 20);
/// Functions of one action group.
pub const FUNCTIONS: Quota = Quota::new("functions per action group", 11);
/// Parameters of one function.
pub const PARAMETERS: Quota = Quota::new("parameters per function", 5);
/// All of them.
pub const ALL: [Quota; 5] = [AGENTS, ALIASES, ACTION_GROUPS, FUNCTIONS, PARAMETERS];
