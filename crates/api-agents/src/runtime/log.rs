//! Each step of a turn is a log line, so that `tail -f` tells the story. Names, times and counts only: what was said, and what
//! tools were given, stays in the session.

use std::collections::HashMap;

use bedplate_agent::steps::{Invoked, Kind, Span, Step};
use bedplate_agent::turn::Request;

/// Equal calls in one turn that look like a loop.
const LOOP: u32 = 3;

/// The log of one request.
#[derive(Default)]
pub(super) struct Log {
    calls: HashMap<(String, String, String), u32>,
}

impl Log {
    /// Writes what one step came to.
    pub(super) fn step(&mut self, step: &Step, request: &Request, request_id: &str) {
        let (session, iteration) = (request.session_id.as_str(), step.iteration);
        match &step.kind {
            Kind::ModelOutput { span, reply, .. } => tracing::info!(
                target: "bedplate::turn", session, request_id, iteration, model = reply.model, ms = ms(span),
                input_tokens = reply.usage.input_tokens, output_tokens = reply.usage.output_tokens, stop = reply.stop.as_str(), "model"
            ),
            Kind::Action {
                invoked,
                span,
                output,
                host,
            } => {
                let (function, group) = (invoked.function.as_str(), invoked.group.as_str());
                let init_ms = host["initMs"].as_u64();
                tracing::info!(
                    target: "bedplate::turn", session, request_id, iteration, group, function, ms = ms(span), init_ms, ok = output.is_ok(), "tool"
                );
                self.count(invoked, session, request_id);
            }
            Kind::Asked { invoked, .. } => {
                tracing::info!(target: "bedplate::turn", session, request_id, iteration, function = invoked.function, "asks the client");
            }
            Kind::Final { asks: true, .. } => tracing::info!(target: "bedplate::turn", session, request_id, iteration, "asks the user"),
            Kind::Answer(text) => {
                tracing::info!(target: "bedplate::turn", session, request_id, iteration, bytes = text.len(), "answer");
            }
            Kind::Failed { code, message, detail, .. } => {
                tracing::warn!(target: "bedplate::turn", session, request_id, iteration, code, message, detail, "failed");
            }
            _ => {}
        }
    }

    /// The same call for the third time is marked: the model may be going round in circles.
    fn count(&mut self, invoked: &Invoked, session: &str, request_id: &str) {
        let arguments = serde_json::to_string(&invoked.arguments).unwrap_or_default();
        let seen = self
            .calls
            .entry((invoked.group.clone(), invoked.function.clone(), arguments))
            .or_default();
        *seen += 1;
        if *seen == LOOP {
            let function = invoked.function.as_str();
            tracing::warn!(target: "bedplate::turn", session, request_id, function, "the same call for the third time in this turn: a loop?");
        }
    }
}

fn ms(span: &Span) -> u64 {
    u64::try_from(span.ended.since(span.started).as_millis()).unwrap_or(u64::MAX)
}
