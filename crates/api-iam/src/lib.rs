//! IAM's roles and policies, and STS's GetCallerIdentity and AssumeRole, as documents: stored, shown, **never enforced**.
//!
//! Templates and set-up scripts make a role before they make an agent or a function; here they find the operations that they call. Nothing
//! in Bedplate reads a policy to decide whether somebody may do something, and this crate must not start to: what is checked is the form
//! of a document, so that a mistake shows here and not first on AWS. On the main path it stands behind the routes of `iam` and `sts`.

mod attachment;
mod document;
mod fault;
pub mod iam;
mod inline;
mod page;
mod policy;
mod role;
pub mod sts;
mod tags;
mod version;

use std::sync::Arc;

use bedplate_base::{Clock, Timestamp};
use bedplate_catalog::Catalog;

/// What the operations of both services work on.
pub struct State {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    /// Roles and policies name each other: documents change one at a time.
    writing: tokio::sync::Mutex<()>,
    sessions: sts::Sessions,
}

impl State {
    /// Over a catalog. Roles and policies live in it, by account; sessions of roles are forgotten with the process.
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> Self {
        Self {
            catalog,
            clock,
            writing: tokio::sync::Mutex::default(),
            sessions: sts::Sessions::default(),
        }
    }

    /// Now, in whole seconds, as both services tell times.
    fn now(&self) -> Timestamp {
        let now = self.clock.now().millis();
        Timestamp::from_millis(now - now.rem_euclid(1_000))
    }
}
