//! Steps → what travels: trace parts, chunks, return of control, exceptions.
//!
//! One function for the live stream, for a stored session and for the terminal. Field sets are those of recorded traffic of
//! the service: one union member per trace, keys in alphabetical order, all values of arguments as texts, times with nine
//! digits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_agent::Argument;
use bedplate_agent::defaults::STOP_SEQUENCES;
use bedplate_agent::steps::{Invoked, Kind, Span, Step};
use bedplate_agent::turn::{Question, Request, failure};
use bedplate_base::Timestamp;
use bedplate_converse::Usage;
use bedplate_wire::frame;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Bytes of one chunk at most (the API model's maximum of a blob).
const CHUNK_BYTES_MAX: usize = 1_000_000;
/// What the service calls the sampling settings of a trace.
const INFERENCE_TYPE: &str = "com.amazon.bedrock.agent.common.types#InferenceConfiguration";

/// One event of the stream, not yet a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    /// A trace part.
    Trace(Value),
    /// A piece of the answer.
    Chunk(String),
    /// The request ends with a question.
    ReturnControl(Value),
    /// The request ends with an error.
    Exception {
        /// The union's member: `dependencyFailedException`.
        name: &'static str,
        /// `message`, and `resourceName` where it is modelled.
        payload: Value,
    },
}

impl Outgoing {
    /// The frame.
    pub fn frame(&self) -> Bytes {
        match self {
            Self::Trace(payload) => frame::event("trace", payload),
            Self::Chunk(text) => frame::event("chunk", &json!({"bytes": STANDARD.encode(text)})),
            Self::ReturnControl(payload) => frame::event("returnControl", payload),
            Self::Exception { name, payload } => frame::exception(name, payload),
        }
    }

    /// The event's type and payload, for doors that speak plain JSON; the text of a chunk is not encoded.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Trace(payload) => json!({"trace": payload}),
            Self::Chunk(text) => json!({"chunk": {"text": text}}),
            Self::ReturnControl(payload) => json!({"returnControl": payload}),
            Self::Exception { name, payload } => json!({*name: payload}),
        }
    }
}

/// An exception frame's content.
pub fn exception(name: &'static str, message: impl Into<String>, resource: Option<&str>) -> Outgoing {
    let mut payload = Map::new();
    payload.insert("message".into(), Value::String(message.into()));
    if let Some(resource) = resource {
        payload.insert("resourceName".into(), json!(resource));
    }
    Outgoing::Exception {
        name,
        payload: payload.into(),
    }
}

/// Encodes the steps of one request.
pub struct Encoder {
    request_id: String,
    strict: bool,
    /// What was sent of the running model call while it wrote.
    streamed: String,
}

impl Encoder {
    /// For the request `request_id`; in strict mode errors say no more than the service's own words.
    pub fn new(request_id: impl Into<String>, strict: bool) -> Self {
        Self {
            request_id: request_id.into(),
            strict,
            streamed: String::new(),
        }
    }

    /// A piece of the answer, sent while the model writes.
    pub fn text(&mut self, text: String) -> Outgoing {
        self.streamed.push_str(&text);
        Outgoing::Chunk(text)
    }

    /// What one step sends; `request` is the message that it belongs to.
    pub fn step(&mut self, step: &Step, request: &Request) -> Vec<Outgoing> {
        if matches!(step.kind, Kind::ModelInput(_)) {
            // What an earlier call wrote before its tool calls is not part of this one's answer.
            self.streamed.clear();
        }
        let trace = |body: Value| Outgoing::Trace(self.part(step, request, body));
        let orchestration = |member: &str, body: Value| trace(json!({"orchestrationTrace": {member: body}}));
        let id = format!("{}-{}", self.request_id, step.iteration);
        match &step.kind {
            Kind::ModelInput(model) => vec![orchestration(
                "modelInvocationInput",
                json!({
                    "foundationModel": model.model,
                    "inferenceConfiguration": {
                        "__type": INFERENCE_TYPE,
                        "maximumLength": model.inference.max_tokens,
                        "stopSequences": STOP_SEQUENCES,
                        "temperature": model.inference.temperature,
                        "topK": model.inference.top_k,
                        "topP": model.inference.top_p,
                    },
                    "text": model.to_trace_text(),
                    "traceId": id,
                    "type": "ORCHESTRATION",
                }),
            )],
            Kind::ModelOutput { span, reply, raw } => vec![orchestration(
                "modelInvocationOutput",
                json!({"metadata": metadata(span, Some(reply.usage)), "rawResponse": {"content": raw.as_str()}, "traceId": id}),
            )],
            Kind::Rationale(text) => vec![orchestration("rationale", json!({"text": text, "traceId": id}))],
            Kind::Action { invoked, span, output, .. } => {
                let input = action_input(invoked, "LAMBDA", None);
                let mut out = vec![orchestration("invocationInput", invocation(input, &id))];
                if let Ok(text) = output {
                    let output = json!({"metadata": metadata(span, None), "text": text});
                    out.push(orchestration(
                        "observation",
                        json!({"actionGroupInvocationOutput": output, "traceId": id, "type": "ACTION_GROUP"}),
                    ));
                }
                out
            }
            Kind::Asked { invoked, invocation_id } => {
                let input = action_input(invoked, "RETURN_CONTROL", Some(invocation_id));
                vec![orchestration("invocationInput", invocation(input, &id))]
            }
            Kind::ClientResult(result) => {
                let output = json!({"text": result.body.as_deref().unwrap_or_default()});
                let body = json!({"actionGroupInvocationOutput": output, "traceId": id, "type": "ACTION_GROUP"});
                vec![orchestration("observation", body)]
            }
            Kind::Question(question) => vec![Outgoing::ReturnControl(return_control(question, &request.agent.id))],
            Kind::Final { started, text, asks } => {
                let metadata = json!({
                    "endTime": step.at.iso_nanos(),
                    "operationTotalTimeMs": millis(*started, step.at),
                    "startTime": started.iso_nanos(),
                });
                let kind = if *asks { "ASK_USER" } else { "FINISH" };
                let body = json!({"finalResponse": {"metadata": metadata, "text": text}, "traceId": id, "type": kind});
                vec![orchestration("observation", body)]
            }
            Kind::Answer(text) => self.rest(text),
            Kind::Failed {
                code,
                message,
                detail,
                resource,
                refused,
            } => {
                let (name, status) = exception_of(code);
                let told = if self.strict || detail.is_empty() {
                    message.clone()
                } else {
                    format!("{message} {detail}")
                };
                let mut out = Vec::new();
                if !refused {
                    let reason = if detail.is_empty() {
                        message.clone()
                    } else {
                        format!("{message} {detail}")
                    };
                    out.push(trace(
                        json!({"failureTrace": {"failureCode": status, "failureReason": reason, "traceId": id}}),
                    ));
                }
                out.push(exception(name, told, *resource));
                out
            }
        }
    }

    /// What of the answer was not sent yet. After a crash the model may have been called again and say something else: then
    /// all of it is sent, so that the last chunks always hold the journal's answer.
    fn rest(&self, text: &str) -> Vec<Outgoing> {
        let mut rest = text.strip_prefix(self.streamed.as_str()).unwrap_or(text);
        let mut out = Vec::new();
        while rest.len() > CHUNK_BYTES_MAX {
            let cut = rest.floor_char_boundary(CHUNK_BYTES_MAX);
            out.push(Outgoing::Chunk(rest[..cut].to_owned()));
            rest = &rest[cut..];
        }
        if !rest.is_empty() {
            out.push(Outgoing::Chunk(rest.to_owned()));
        }
        out
    }

    fn part(&self, step: &Step, request: &Request, trace: Value) -> Value {
        let mut part = json!({
            "agentAliasId": request.agent.alias_id,
            "agentId": request.agent.id,
            "agentVersion": request.agent.version,
            "callerChain": [{"agentAliasArn": request.agent.alias_arn}],
            "eventTime": step.at.iso_nanos(),
            "sessionId": request.session_id,
            "trace": trace,
        });
        part.sort_all_objects();
        part
    }
}

/// The exception of a failure's code, and its HTTP status.
pub fn exception_of(code: &str) -> (&'static str, u16) {
    match code {
        failure::VALIDATION => ("validationException", 400),
        failure::ACCESS => ("accessDeniedException", 403),
        failure::CONFLICT => ("conflictException", 409),
        failure::THROTTLED | failure::QUEUE_FULL => ("throttlingException", 429),
        failure::NOT_READY => ("modelNotReadyException", 424),
        failure::DEPENDENCY => ("dependencyFailedException", 424),
        failure::REPEATED => ("conflictException", 409),
        _ => ("internalServerException", 500),
    }
}

fn metadata(span: &Span, usage: Option<Usage>) -> Value {
    let mut out = json!({
        "clientRequestId": span.key,
        "endTime": span.ended.iso_nanos(),
        "startTime": span.started.iso_nanos(),
        "totalTimeMs": millis(span.started, span.ended),
    });
    if let Some(usage) = usage {
        out["usage"] = json!({"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens});
    }
    out
}

/// The difference of two times, cut off to milliseconds: what the service does.
fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

fn action_input(invoked: &Invoked, execution: &str, invocation_id: Option<&str>) -> Value {
    let mut out = json!({"actionGroupName": invoked.group, "executionType": execution, "function": invoked.function});
    if let Some(id) = invocation_id {
        out["invocationId"] = json!(id);
    }
    if !invoked.arguments.is_empty() {
        out["parameters"] = arguments(&invoked.arguments);
    }
    out
}

fn invocation(input: Value, id: &str) -> Value {
    json!({"actionGroupInvocationInput": input, "invocationType": "ACTION_GROUP", "traceId": id})
}

fn arguments(list: &[Argument]) -> Value {
    list.iter()
        .map(|one| json!({"name": one.name, "type": one.kind, "value": one.value}))
        .collect()
}

fn return_control(question: &Question, agent_id: &str) -> Value {
    let inputs: Vec<Value> = question
        .inputs
        .iter()
        .map(|asked| {
            json!({"functionInvocationInput": {
                "actionGroup": asked.action_group,
                "actionInvocationType": asked.kind.as_str(),
                "agentId": agent_id,
                "function": asked.function,
                "parameters": arguments(&asked.parameters),
            }})
        })
        .collect();
    json!({"invocationId": question.invocation_id, "invocationInputs": inputs})
}
