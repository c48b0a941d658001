//! Spans of turns, in the words of OpenTelemetry's conventions for generative AI (`invoke_agent`, `chat`, `execute_tool`).
//!
//! A turn is recorded while it runs and judged when it ends, so that those that fail can be kept alone. What was said is in a span only when
//! the configuration asks for it; keys and headers never are.

use bedplate_base::Timestamp;
use bedplate_converse::Request as ModelRequest;
use bedplate_journal::{Call, EffectKey, ExecId, Step};

use crate::config::{Sample, TelemetryConfig};
use crate::exporter::Exporter;
use crate::span::{Attribute, Context, Kind, Span, TraceId, call_of, root_of, trace_of};
use crate::turns::{End, Turn};
use crate::watch::Use;

/// Spans of one turn. Ours: a turn has 2,000 calls at most, and nobody reads so many.
const SPANS_MAX: usize = 1_000;
/// Bytes of one text of captured content; longer ones are cut. Ours: receivers refuse requests of some megabytes.
const CONTENT_BYTES_MAX: usize = 64 * 1024;

/// Makes spans and hands them on.
pub(crate) struct Tracer {
    exporter: Exporter,
    sample: Sample,
    pub(crate) content: bool,
}

/// One attribute.
pub(crate) type Pair = (&'static str, Attribute);

/// A call that is over.
pub(crate) struct Called<'a> {
    pub(crate) exec: &'a ExecId,
    pub(crate) step: &'a Step,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// Kind and cause.
    pub(crate) error: Option<(&'a str, &'a str)>,
}

/// A context that came with a request, if it can be read.
pub(crate) fn sent(turn: &Turn) -> Option<Context> {
    turn.message().trace_parent.as_deref().and_then(Context::parse)
}

impl Tracer {
    pub(crate) fn new(exporter: Exporter, config: &TelemetryConfig) -> Self {
        Self {
            exporter,
            sample: config.sample,
            content: config.content,
        }
    }

    /// Whether a turn is recorded, as far as that can be said before its end.
    fn records(&self, exec: &ExecId, turn: &Turn) -> bool {
        self.samples(sent(turn), trace_of(exec, &turn.id))
    }

    /// Whether what came with this context is recorded, as far as that can be said before its end; `own` is the trace of what came with none.
    pub(crate) fn samples(&self, sent: Option<Context>, own: TraceId) -> bool {
        let sent = sent.map(|context| context.sampled);
        match self.sample {
            Sample::All => sent.unwrap_or(true),
            Sample::None => false,
            Sample::Errors => true,
            Sample::Share(share) => sent.unwrap_or_else(|| {
                let [a, b, c, d, e, f, g, h, ..] = own;
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64) < share * u64::MAX as f64
            }),
        }
    }

    /// The same for what is over.
    pub(crate) fn keeps(&self, sent: Option<Context>, own: TraceId, failed: bool) -> bool {
        self.samples(sent, own) && (failed || self.sample != Sample::Errors)
    }

    /// Hands spans that are finished and wanted on.
    pub(crate) fn send(&self, spans: Vec<Span>) {
        self.exporter.send(spans);
    }

    /// Where a turn hangs, and its own root.
    fn root(exec: &ExecId, turn: &Turn) -> (Option<Context>, Context) {
        let sent = sent(turn);
        let root = Context {
            trace: sent.map_or_else(|| trace_of(exec, &turn.id), |context| context.trace),
            span: root_of(exec, &turn.id),
            sampled: true,
        };
        (sent, root)
    }

    /// What goes out with a call.
    pub(crate) fn outgoing(&self, call: &Call, turn: &Turn) -> Context {
        let (_, root) = Self::root(&call.exec, turn);
        Context {
            span: call_of(&call.key()),
            sampled: self.records(&call.exec, turn),
            ..root
        }
    }

    fn push(&self, called: &Called<'_>, turn: &mut Turn, name: String, kind: Kind, mut attributes: Vec<Pair>) {
        if turn.spans.len() >= SPANS_MAX || !self.records(called.exec, turn) {
            return;
        }
        let (_, root) = Self::root(called.exec, turn);
        attributes.push(("gen_ai.conversation.id", turn.message().session_id.as_str().into()));
        if let Some((kind, _)) = called.error {
            attributes.push(("error.type", kind.into()));
        }
        turn.spans.push(Span {
            trace: root.trace,
            id: call_of(&EffectKey::of(called.exec, called.step)),
            parent: Some(root.span),
            name,
            kind,
            start: called.started,
            end: called.ended,
            attributes,
            // The cause may repeat what was said.
            error: called
                .error
                .map(|(kind, cause)| if self.content { cut(cause) } else { kind.to_owned() }),
        });
    }

    /// `chat`: a model call.
    pub(crate) fn chat(&self, called: &Called<'_>, turn: &mut Turn, request: Option<&ModelRequest>, reply: Option<Replied<'_>>) {
        let mut attributes: Vec<Pair> = vec![("gen_ai.operation.name", "chat".into())];
        let asked = request.map(|request| request.model.as_str());
        let model = asked.or(reply.as_ref().map(|reply| reply.used.model)).unwrap_or_default();
        if let Some(request) = request {
            asked_attributes(request, self.content, &mut attributes);
        }
        if let Some(reply) = &reply {
            replied_attributes(reply, self.content, &mut attributes);
        }
        self.push(
            called,
            turn,
            format!("chat {model}").trim_end().to_owned(),
            Kind::Client,
            attributes,
        );
    }

    /// `execute_tool`: a function's call.
    pub(crate) fn tool(&self, called: &Called<'_>, turn: &mut Turn, tool: &Tool<'_>) {
        let mut attributes: Vec<Pair> = vec![
            ("gen_ai.operation.name", "execute_tool".into()),
            ("gen_ai.tool.name", tool.function.into()),
            ("gen_ai.tool.type", "function".into()),
            ("gen_ai.tool.call.id", EffectKey::of(called.exec, called.step).0.into()),
            ("bedplate.action_group.name", tool.group.into()),
        ];
        if let Some(init_ms) = tool.init_ms {
            attributes.push(("bedplate.tool.init_ms", init_ms.into()));
        }
        if self.content {
            attributes.push(("gen_ai.tool.call.arguments", cut(tool.arguments).into()));
            attributes.push(("gen_ai.tool.call.result", cut(tool.result).into()));
        }
        self.push(called, turn, format!("execute_tool {}", tool.function), Kind::Internal, attributes);
    }

    /// `invoke_agent`: the request is over. Tells how many spans are kept and how many are not.
    pub(crate) fn end(&self, exec: &ExecId, mut turn: Turn, ended: Timestamp, end: &End) -> (u64, u64) {
        let mut spans = std::mem::take(&mut turn.spans);
        let count = spans.len() as u64 + 1;
        let failed = matches!(end, End::Failed { .. }) || spans.iter().any(|span| span.error.is_some());
        if !self.records(exec, &turn) || (self.sample == Sample::Errors && !failed) {
            return (0, count);
        }
        let (above, root) = Self::root(exec, &turn);
        let message = turn.message();
        let mut parts = exec.as_str().split('/').skip(1);
        let (account, region) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut attributes: Vec<Pair> = vec![
            ("gen_ai.operation.name", "invoke_agent".into()),
            ("gen_ai.provider.name", "bedplate".into()),
            ("gen_ai.agent.id", message.agent.id.as_str().into()),
            ("gen_ai.agent.name", message.agent.name.as_str().into()),
            ("gen_ai.agent.version", message.agent.version.as_str().into()),
            ("gen_ai.conversation.id", message.session_id.as_str().into()),
            ("gen_ai.usage.input_tokens", turn.input_tokens.into()),
            ("gen_ai.usage.output_tokens", turn.output_tokens.into()),
            ("cloud.account.id", account.into()),
            ("cloud.region", region.into()),
            ("bedplate.alias.id", message.agent.alias_id.as_str().into()),
            ("bedplate.request.id", (*turn.id).into()),
        ];
        if turn.resumed {
            attributes.push(("bedplate.resumed", Attribute::Flag(true)));
        }
        if let Some(dollars) = turn.dollars {
            attributes.push(("bedplate.cost.usd", Attribute::Real(dollars)));
        }
        let outcome = match end {
            End::Answered { asks: false, .. } => "answered",
            End::Answered { asks: true, .. } => "asks_user",
            End::Asked => "return_control",
            End::Failed { .. } => "failed",
        };
        attributes.push(("bedplate.outcome", outcome.into()));
        if self.content {
            attributes.push(("gen_ai.input.messages", cut(message.text.as_deref().unwrap_or_default()).into()));
            if let End::Answered { text, .. } = end {
                attributes.push(("gen_ai.output.messages", cut(text).into()));
            }
        }
        let mut error = None;
        if let End::Failed { code, message, .. } = end {
            attributes.push(("error.type", code.as_str().into()));
            error = Some(message.clone());
        }
        spans.push(Span {
            trace: root.trace,
            id: root.span,
            parent: above.map(|above| above.span),
            name: format!("invoke_agent {}", message.agent.name),
            kind: Kind::Internal,
            start: turn.at,
            end: ended,
            attributes,
            error,
        });
        self.exporter.send(spans);
        (count, 0)
    }
}

/// A model's reply.
#[derive(Clone, Copy)]
pub(crate) struct Replied<'a> {
    pub(crate) used: &'a Use<'a>,
    pub(crate) stop: &'a str,
    pub(crate) dollars: Option<f64>,
    /// As it was journaled.
    pub(crate) raw: &'a str,
}

/// A function's call.
pub(crate) struct Tool<'a> {
    pub(crate) group: &'a str,
    pub(crate) function: &'a str,
    pub(crate) arguments: &'a str,
    pub(crate) result: &'a str,
    pub(crate) init_ms: Option<u64>,
}

/// What is told of a model's request.
pub(crate) fn asked_attributes(request: &ModelRequest, content: bool, attributes: &mut Vec<Pair>) {
    attributes.push(("gen_ai.request.model", request.model.as_str().into()));
    let inference = &request.inference;
    if let Some(tokens) = inference.max_tokens {
        attributes.push(("gen_ai.request.max_tokens", u64::from(tokens).into()));
    }
    if let Some(temperature) = inference.temperature {
        attributes.push(("gen_ai.request.temperature", Attribute::Real(temperature)));
    }
    if let Some(top_p) = inference.top_p {
        attributes.push(("gen_ai.request.top_p", Attribute::Real(top_p)));
    }
    if content {
        let json = request.to_trace_json();
        attributes.push((
            "gen_ai.system_instructions",
            cut(json["system"].as_str().unwrap_or_default()).into(),
        ));
        attributes.push(("gen_ai.input.messages", cut(&json["messages"].to_string()).into()));
    }
}

/// What is told of a model's reply.
pub(crate) fn replied_attributes(reply: &Replied<'_>, content: bool, attributes: &mut Vec<Pair>) {
    let used = reply.used;
    let input = used.input_tokens + used.cache_read_tokens + used.cache_write_tokens;
    attributes.push(("gen_ai.provider.name", provider(used.provider).into()));
    attributes.push(("gen_ai.response.model", used.model.into()));
    attributes.push(("gen_ai.response.finish_reasons", Attribute::Texts(vec![reply.stop.to_owned()])));
    attributes.push(("gen_ai.usage.input_tokens", input.into()));
    attributes.push(("gen_ai.usage.output_tokens", used.output_tokens.into()));
    if used.cache_read_tokens > 0 {
        attributes.push(("gen_ai.usage.cache_read.input_tokens", used.cache_read_tokens.into()));
    }
    if used.cache_write_tokens > 0 {
        attributes.push(("gen_ai.usage.cache_creation.input_tokens", used.cache_write_tokens.into()));
    }
    if let Some(dollars) = reply.dollars {
        attributes.push(("bedplate.cost.usd", Attribute::Real(dollars)));
    }
    if content {
        attributes.push(("gen_ai.output.messages", cut(reply.raw).into()));
    }
}

/// The conventions' name of a provider; other names are as configured.
pub(crate) fn provider(name: &str) -> &str {
    match name {
        "bedrock" => "aws.bedrock",
        "builtin" => "bedplate",
        other => other,
    }
}

pub(crate) fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(CONTENT_BYTES_MAX);
    text[..end].to_owned()
}
