//! The Converse API's JSON, written straight from what it is made of: a transcript is sent with every model call and shown in every trace, so no
//! tree of values is built for it. Rare blocks are written by way of their `to_json`.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{Block, Message, Reply, Request, ResultPart, Role, ToolStatus, Usage};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum BlockForm<'a> {
    Text(&'a str),
    CitationsContent {
        content: [BlockText<'a>; 1],
        citations: &'a [Value],
    },
    ReasoningContent(ReasoningForm<'a>),
    #[serde(rename_all = "camelCase")]
    ToolUse {
        tool_use_id: &'a str,
        name: &'a str,
        input: &'a Value,
    },
    #[serde(rename_all = "camelCase")]
    ToolResult {
        tool_use_id: &'a str,
        content: &'a [ResultPart],
        status: &'static str,
    },
    GuardContent(&'a Value),
}

#[derive(Serialize)]
struct BlockText<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ReasoningForm<'a> {
    ReasoningText {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<&'a str>,
    },
    RedactedContent(&'a str),
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match self {
            Self::Text(text) => BlockForm::Text(text),
            Self::Cited { text, citations } => BlockForm::CitationsContent {
                content: [BlockText { text }],
                citations,
            },
            Self::Media(media) => return media.to_json().serialize(serializer),
            Self::Reasoning { text, signature } => BlockForm::ReasoningContent(ReasoningForm::ReasoningText {
                text,
                signature: signature.as_deref(),
            }),
            Self::Redacted(base64) => BlockForm::ReasoningContent(ReasoningForm::RedactedContent(base64)),
            Self::ToolUse { id, name, input } => BlockForm::ToolUse {
                tool_use_id: id,
                name,
                input,
            },
            Self::ToolResult { id, content, status } => BlockForm::ToolResult {
                tool_use_id: id,
                content,
                status: if *status == ToolStatus::Success { "success" } else { "error" },
            },
            Self::CachePoint(point) => return point.to_json().serialize(serializer),
            Self::Guard(content) => BlockForm::GuardContent(content),
            Self::Other(whole) => return whole.serialize(serializer),
        };
        form.serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum PartForm<'a> {
    Text(&'a str),
    Json(&'a Value),
}

impl Serialize for ResultPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => PartForm::Text(text).serialize(serializer),
            Self::Json(value) => PartForm::Json(value).serialize(serializer),
            Self::Media(media) => media.to_json().serialize(serializer),
            Self::Other(whole) => whole.serialize(serializer),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Serialize)]
struct MessageForm<'a> {
    role: Role,
    content: &'a [Block],
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MessageForm {
            role: self.role,
            content: &self.content,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageForm {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_input_tokens: Option<u64>,
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_cached = self.cache_read_tokens + self.cache_write_tokens > 0;
        UsageForm {
            input_tokens: self.uncached_input_tokens(),
            output_tokens: self.output_tokens,
            total_tokens: self.total_tokens(),
            cache_read_input_tokens: is_cached.then_some(self.cache_read_tokens),
            cache_write_input_tokens: is_cached.then_some(self.cache_write_tokens),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyForm<'a> {
    output: OutputForm<'a>,
    stop_reason: &'a str,
    usage: &'a Usage,
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    provider: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<MetricsForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: &'a Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_config: Option<LatencyForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<TierForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_usage: Option<&'a Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: &'a Option<Value>,
}

#[derive(Serialize)]
struct OutputForm<'a> {
    message: &'a Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricsForm {
    latency_ms: u64,
}

#[derive(Serialize)]
struct LatencyForm<'a> {
    latency: &'a str,
}

#[derive(Serialize)]
struct TierForm<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = &self.facts;
        ReplyForm {
            output: OutputForm { message: &self.message },
            stop_reason: self.stop.as_str(),
            usage: &self.usage,
            model: &self.model,
            provider: &facts.provider,
            metrics: facts.latency_ms.map(|latency_ms| MetricsForm { latency_ms }),
            additional_model_response_fields: &facts.additional_fields,
            performance_config: facts.latency.as_deref().map(|latency| LatencyForm { latency }),
            service_tier: facts.service_tier.as_deref().map(|kind| TierForm { kind }),
            lost_usage: (facts.lost != Usage::default()).then_some(&facts.lost),
            trace: &facts.trace,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct TraceForm<'a> {
    system: String,
    messages: &'a [std::sync::Arc<Message>],
}

impl Request {
    /// The tree of [`Self::to_trace_text`].
    pub fn to_trace_json(&self) -> Value {
        serde_json::from_str(&self.to_trace_text()).unwrap_or_default()
    }

    /// For people and traces: `{"system": …, "messages": […]}`, the top-level keys of the service's own traces.
    pub fn to_trace_text(&self) -> String {
        let form = TraceForm {
            system: self.system_text(),
            messages: &self.messages,
        };
        text(&form)
    }
}

impl Reply {
    /// The text of [`Self::to_json`].
    pub fn to_text(&self) -> String {
        text(self)
    }
}

/// The text of something that has names for members and no value that JSON lacks.
fn text(form: &impl Serialize) -> String {
    serde_json::to_string(form).expect("invariant: messages are plain data")
}
