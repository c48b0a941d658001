//! Calls of models, told to whoever counts them.
//!
//! Calls of agents are counted from their journals; those of this API have none, so they are told when they are over.

use std::sync::Arc;
use std::time::Duration;

use bedplate_base::Place;
use bedplate_converse::{Reply, Request};
use bedplate_journal::Progress;
use bedplate_providers::Failure;

use crate::State;

/// A model call that is over.
pub struct Asked<'a> {
    /// Whose it was.
    pub place: &'a Place,
    /// The model that was asked for.
    pub model: &'a str,
    /// What came of it.
    pub outcome: Result<&'a Reply, &'a Failure>,
    /// How long it took, waiting and tries included.
    pub took: Duration,
}

/// Is told of every model call that is over; must not wait. A call whose client left is not told.
pub type Meter = Arc<dyn Fn(Asked<'_>) + Send + Sync>;

impl State {
    /// Asks whoever the routes name, and tells the meter.
    pub(crate) async fn ask(&self, place: &Place, request: &Request, progress: &Progress) -> Result<Reply, Failure> {
        let began = self.clock.now();
        let outcome = self.models.answer(request, progress).await;
        if let Some(meter) = &self.meter {
            meter(Asked {
                place,
                model: &request.model,
                outcome: outcome.as_ref(),
                took: self.clock.now().since(began),
            });
        }
        outcome
    }
}
