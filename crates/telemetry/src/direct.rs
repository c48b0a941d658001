//! Calls of models without an agent (`bedrock-runtime`): no journal tells of them, so whoever makes them does.

use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_converse::{Reply, Request as ModelRequest};
use bedplate_journal::ExecId;

use crate::span::{Attribute, Context, Kind, Span, root_of, trace_of};
use crate::tracer::{Pair, Replied, Tracer, asked_attributes, cut, provider, replied_attributes};
use crate::watch::{BUILTIN, Use, Watch};

/// A call of a model without an agent.
#[derive(Clone, Copy)]
pub struct Direct<'a> {
    /// Under whose name its tokens are summed: `<sort>/<account>/<region>/<name>`.
    pub exec: &'a ExecId,
    /// The id of the request that it answers; a request makes one call.
    pub request_id: &'a str,
    /// The W3C `traceparent` that the request came with.
    pub trace_parent: Option<&'a str>,
    /// What is asked.
    pub asks: Asks<'a>,
}

/// What a model is asked for.
#[derive(Clone, Copy)]
pub enum Asks<'a> {
    /// The next message of a conversation.
    Chat(&'a ModelRequest),
    /// Numbers for texts, of the model with this id.
    Embeddings(&'a str),
}

/// What came of it.
#[derive(Clone, Copy)]
pub enum Came<'a> {
    /// A message.
    Reply(&'a Reply),
    /// Numbers.
    Embeddings {
        /// The provider as configured.
        provider: &'a str,
        /// The model that answered.
        model: &'a str,
        /// Tokens that it read.
        input_tokens: u64,
    },
    /// A failure of this kind, and its cause.
    Failure(&'a str, &'a str),
    /// Nothing: the client left, and the call ended with it.
    Nothing,
}

impl Direct<'_> {
    fn model(&self) -> &str {
        match self.asks {
            Asks::Chat(request) => &request.model,
            Asks::Embeddings(model) => model,
        }
    }

    /// Where it hangs, and its own span.
    fn place(&self) -> (Option<Context>, Context) {
        let sent = self.trace_parent.and_then(Context::parse);
        let own = Context {
            trace: sent.map_or_else(|| trace_of(self.exec, self.request_id), |context| context.trace),
            span: root_of(self.exec, self.request_id),
            sampled: true,
        };
        (sent, own)
    }
}

impl Watch {
    /// The `traceparent` that goes out with a call.
    pub fn leads(&self, direct: &Direct<'_>) -> Option<Arc<str>> {
        let (sent, own) = direct.place();
        let context = match &self.tracer {
            Some(tracer) => Context {
                sampled: tracer.samples(sent, own.trace),
                ..own
            },
            // Without spans of our own the client's span is what the call belongs to.
            None => sent?,
        };
        Some(context.to_text().into())
    }

    /// A call is over: it is counted and paid for like one of an agent. One whose client left is in the traces only.
    pub fn came(&self, direct: &Direct<'_>, started: Timestamp, ended: Timestamp, came: &Came<'_>) {
        let used = used(direct, ended, came);
        let dollars = used
            .as_ref()
            .and_then(|used| self.ledger.as_ref().and_then(|ledger| ledger.used(used)));
        match (came, &used) {
            (_, Some(used)) => self.count(used, ended.since(started), dollars),
            (Came::Failure(kind, _), _) => {
                self.board.model_calls.add(&["-", direct.model(), kind], 1);
                self.board.errors.add(&[kind], 1);
            }
            _ => {}
        }
        if let Some(tracer) = &self.tracer
            && !tracer.direct(direct, (started, ended), came, used.as_ref(), dollars)
        {
            self.board.spans.add(&["unsampled"], 1);
        }
    }
}

fn used<'a>(direct: &Direct<'a>, ended: Timestamp, came: &Came<'a>) -> Option<Use<'a>> {
    let (provider, model, usage) = match came {
        Came::Reply(reply) => (reply.facts.provider.as_str(), reply.model.as_str(), reply.usage),
        Came::Embeddings {
            provider,
            model,
            input_tokens,
        } => {
            let usage = bedplate_converse::Usage {
                input_tokens: *input_tokens,
                ..Default::default()
            };
            (*provider, *model, usage)
        }
        Came::Failure(..) | Came::Nothing => return None,
    };
    Some(Use {
        exec: direct.exec,
        seq: 0,
        at: ended,
        provider: if provider.is_empty() { BUILTIN } else { provider },
        model,
        input_tokens: usage.uncached_input_tokens(),
        output_tokens: usage.output_tokens,
        cache_read_tokens: usage.cache_read_tokens,
        cache_write_tokens: usage.cache_write_tokens,
    })
}

impl Tracer {
    /// `chat` or `embeddings` with nothing of ours above it. Tells whether the span is kept.
    fn direct(
        &self,
        direct: &Direct<'_>,
        (start, end): (Timestamp, Timestamp),
        came: &Came<'_>,
        used: Option<&Use<'_>>,
        dollars: Option<f64>,
    ) -> bool {
        let error = match came {
            Came::Reply(_) | Came::Embeddings { .. } => None,
            Came::Failure(kind, cause) => Some((*kind, *cause)),
            Came::Nothing => Some(("cancelled", "The client left.")),
        };
        let (above, own) = direct.place();
        if !self.keeps(above, own.trace, error.is_some()) {
            return false;
        }
        let operation = match direct.asks {
            Asks::Chat(_) => "chat",
            Asks::Embeddings(_) => "embeddings",
        };
        let mut attributes: Vec<Pair> = vec![("gen_ai.operation.name", operation.into())];
        match direct.asks {
            Asks::Chat(request) => asked_attributes(request, self.content, &mut attributes),
            Asks::Embeddings(model) => attributes.push(("gen_ai.request.model", model.into())),
        }
        match (came, used) {
            (Came::Reply(reply), Some(used)) => {
                let text = if self.content { reply.to_text() } else { String::new() };
                let replied = Replied {
                    used,
                    stop: reply.stop.as_str(),
                    dollars,
                    raw: &text,
                };
                replied_attributes(&replied, self.content, &mut attributes);
            }
            (_, Some(used)) => {
                attributes.push(("gen_ai.provider.name", provider(used.provider).into()));
                attributes.push(("gen_ai.response.model", used.model.into()));
                attributes.push(("gen_ai.usage.input_tokens", used.input_tokens.into()));
                attributes.extend(dollars.map(|dollars| ("bedplate.cost.usd", Attribute::Real(dollars))));
            }
            _ => {}
        }
        let mut parts = direct.exec.as_str().split('/').skip(1);
        for key in ["cloud.account.id", "cloud.region"] {
            attributes.push((key, parts.next().unwrap_or_default().into()));
        }
        attributes.push(("bedplate.request.id", direct.request_id.into()));
        if let Some((kind, _)) = error {
            attributes.push(("error.type", kind.into()));
        }
        self.send(vec![Span {
            trace: own.trace,
            id: own.span,
            parent: above.map(|above| above.span),
            name: format!("{operation} {}", direct.model()).trim_end().to_owned(),
            kind: Kind::Client,
            start,
            end,
            attributes,
            // The cause may repeat what was said.
            error: error.map(|(kind, cause)| if self.content { cut(cause) } else { kind.to_owned() }),
        }]);
        true
    }
}
