//! Calls of models, told to whoever counts and traces them.
//!
//! Calls of agents are told by their journals; those of this API have none, so they are told when they are over.

use std::sync::Arc;

use bedplate_base::{Place, Timestamp};
use bedplate_converse::{Reply, Request};
use bedplate_journal::Progress;
use bedplate_providers::{Embedded, Failure, traced};
use bedplate_wire::Context;

use crate::State;

/// A call of a model.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Whose it is.
    pub place: &'a Place,
    /// The id of the request that makes it; a request makes one call.
    pub request_id: &'a str,
    /// The W3C `traceparent` that the request came with.
    pub trace_parent: Option<&'a str>,
    /// What the model is asked.
    pub question: Question<'a>,
}

/// What a model is asked.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// To go on with a conversation.
    Chat(&'a Request),
    /// For embeddings, of the model with this id.
    Embeddings(&'a str),
}

/// What came of a call.
#[derive(Clone, Copy)]
pub enum Came<'a> {
    /// A message.
    Reply(&'a Reply),
    /// Embeddings.
    Embedded(&'a Embedded),
    /// Nothing but this.
    Failure(&'a Failure),
    /// It was cut off: its client left, or the server ends.
    Nothing,
}

/// Is told of every model call; must not wait.
pub trait Meter: Send + Sync {
    /// A call is about to be made: the W3C `traceparent` that goes out with it.
    fn parent(&self, asked: &Asked<'_>) -> Option<Arc<str>>;

    /// A call is over; waiting and tries are part of its time.
    fn over(&self, asked: &Asked<'_>, began: Timestamp, ended: Timestamp, came: Came<'_>);
}

/// What models answer.
trait Answer {
    fn came(&self) -> Came<'_>;
}

impl Answer for Reply {
    fn came(&self) -> Came<'_> {
        Came::Reply(self)
    }
}

impl Answer for Embedded {
    fn came(&self) -> Came<'_> {
        Came::Embedded(self)
    }
}

/// A call that is not over. Who drops it before has cut it off.
struct Open<'a> {
    state: &'a State,
    meter: &'a dyn Meter,
    asked: Asked<'a>,
    began: Timestamp,
    is_over: bool,
}

impl Open<'_> {
    fn over(mut self, came: Came<'_>) {
        self.is_over = true;
        self.meter.over(&self.asked, self.began, self.state.clock.now(), came);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.meter.over(&self.asked, self.began, self.state.clock.now(), Came::Nothing);
        }
    }
}

impl State {
    /// Asks whoever the routes name for a reply, and tells the meter.
    pub(crate) async fn ask(&self, context: &Context, request: &Request, progress: &Progress) -> Result<Reply, Failure> {
        let work = self.models.answer(request, progress);
        self.told(context, Question::Chat(request), work).await
    }

    /// Asks whoever the routes name for embeddings, and tells the meter.
    pub(crate) async fn embed(
        &self,
        context: &Context,
        model: &str,
        texts: &[String],
        dimensions: Option<u32>,
    ) -> Result<Embedded, Failure> {
        let work = self.models.embed(model, texts, dimensions);
        self.told(context, Question::Embeddings(model), work).await
    }

    async fn told<T: Answer>(
        &self,
        context: &Context,
        question: Question<'_>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(meter) = self.meter.as_deref() else {
            return traced(context.trace_parent.as_deref().map(Arc::from), work).await;
        };
        let asked = Asked {
            place: &context.place,
            request_id: &context.request_id,
            trace_parent: context.trace_parent.as_deref(),
            question,
        };
        let open = Open {
            state: self,
            meter,
            asked,
            began: self.clock.now(),
            is_over: false,
        };
        let outcome = traced(meter.parent(&asked), work).await;
        open.over(match &outcome {
            Ok(answer) => answer.came(),
            Err(failure) => Came::Failure(failure),
        });
        outcome
    }
}
