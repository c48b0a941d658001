//! The models as agents call them: the same models, with applications' inference profiles and the log.

use std::any::Any;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Place};
use bedplate_converse::{Reply, Request};
use bedplate_journal::{Call, Outcome, Payload, Progress, Target, Value};
use bedplate_providers::Fault as Cause;
use bedplate_wire::Context;

use super::{Draft, converse_input, converse_output};
use crate::State;

/// Stands before the models where agents call them.
pub struct Gateway(State);

impl Gateway {
    /// Over the same state as the operations.
    pub fn new(state: State) -> Self {
        Self(state)
    }

    /// The record of an agent's call. Executions of agents are named `agent/ACCOUNT/REGION/…`.
    fn draft(&self, call: &Call, request: &Request) -> Option<Draft> {
        let mut parts = call.exec.as_str().split('/').skip(1);
        let (account, region) = (parts.next()?, parts.next()?);
        let context = Context {
            request_id: call.key().0,
            place: Place {
                account: account.to_owned(),
                region: region.to_owned(),
            },
            received_at: call.at,
            ..Context::default()
        };
        let operation = if request.streaming { "ConverseStream" } else { "Converse" };
        self.0.log.draft(&context, operation, &request.model, || converse_input(request))
    }
}

impl Target for Gateway {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(request) = request_of(&payload) else {
                return self.0.models.call(call, payload, progress).await;
            };
            let draft = self.draft(call, &request);
            let payload = match self.0.model(request.model.clone()).await {
                Ok(model) if model == request.model => payload,
                Ok(model) => Payload::Typed(Arc::new(Request {
                    model,
                    ..Request::clone(&request)
                })),
                Err(fault) => return Outcome::failure(Cause::NotFound.as_str(), fault.message),
            };
            let outcome = self.0.models.call(call, payload, progress).await;
            if let Some(draft) = draft {
                self.log(draft, &outcome);
            }
            outcome
        })
    }
}

impl Gateway {
    fn log(&self, draft: Draft, outcome: &Outcome) {
        let reply = match outcome {
            Outcome::Success(Value::Inline(raw)) => Reply::from_json(&raw.parse()).ok(),
            _ => None,
        };
        let code = match outcome {
            Outcome::Failure { error, .. } => Cause::parse(error).map_or("InternalServerException", |cause| cause.exception(false)),
            _ => "InternalServerException",
        };
        self.0.log.finish(draft, reply.as_ref().map(converse_output).ok_or(code));
    }
}

fn request_of(payload: &Payload) -> Option<Arc<Request>> {
    let Payload::Typed(typed) = payload else { return None };
    let typed: Arc<dyn Any + Send + Sync> = Arc::clone(typed);
    typed.downcast().ok()
}
