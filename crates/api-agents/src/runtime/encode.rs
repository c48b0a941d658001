//! Steps → what travels: trace parts, chunks, return of control, exceptions.
//!
//! One function for the live stream, for a stored session and for the terminal. Field sets are those of recorded traffic of
//! the service: one union member per trace, keys in alphabetical order, all values of arguments as texts, times with nine
//! digits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_agent::defaults::STOP_SEQUENCES;
use bedplate_agent::steps::{Invoked, Kind, Step};
use bedplate_agent::turn::{Question, Request, failure};
use bedplate_wire::frame;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::part::{
    ActionInput, ActionOutput, FinalMetadata, FinalResponse, Metadata, Orchestration, RawResponse, Sampling, TraceForm, millis, part,
    part_with_text,
};

/// Bytes of one chunk at most (the API model's maximum of a blob).
const CHUNK_BYTES_MAX: usize = 1_000_000;
/// What the service calls the sampling settings of a trace.
const INFERENCE_TYPE: &str = "com.amazon.bedrock.agent.common.types#InferenceConfiguration";

/// One event of the stream, not yet a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    /// A trace part: JSON text, written once for whoever reads it.
    Trace(Bytes),
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
            Self::Trace(text) => frame::event_text("trace", text.clone()),
            Self::Chunk(text) => frame::event("chunk", &json!({"bytes": STANDARD.encode(text)})),
            Self::ReturnControl(payload) => frame::event("returnControl", payload),
            Self::Exception { name, payload } => frame::exception(name, payload),
        }
    }

    /// The event's type and payload, for doors that speak plain JSON; the text of a chunk is not encoded.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Trace(text) => json!({"trace": serde_json::from_slice::<Value>(text).unwrap_or_default()}),
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
        let trace = |form: Orchestration| part(step, request, &TraceForm::OrchestrationTrace(form));
        let id = format!("{}-{}", self.request_id, step.iteration);
        let trace_id = id.as_str();
        match &step.kind {
            Kind::ModelInput(model) => {
                let form = Orchestration::ModelInvocationInput {
                    foundation_model: &model.model,
                    inference_configuration: Sampling {
                        class: INFERENCE_TYPE,
                        maximum_length: model.inference.max_tokens,
                        stop_sequences: &STOP_SEQUENCES,
                        temperature: model.inference.temperature,
                        top_k: model.inference.top_k,
                        top_p: model.inference.top_p,
                    },
                    text: "",
                    trace_id,
                    kind: "ORCHESTRATION",
                };
                vec![part_with_text(
                    step,
                    request,
                    &TraceForm::OrchestrationTrace(form),
                    &model.to_trace_literal(),
                )]
            }
            Kind::ModelOutput { span, reply, raw } => vec![trace(Orchestration::ModelInvocationOutput {
                metadata: Metadata::new(span, Some(reply.usage)),
                raw_response: RawResponse { content: raw.as_str() },
                trace_id,
            })],
            Kind::Rationale(text) => vec![trace(Orchestration::Rationale { text, trace_id })],
            Kind::Action { invoked, span, output, .. } => {
                let mut out = vec![trace(invocation(invoked, "LAMBDA", None, trace_id))];
                if let Ok(text) = output {
                    out.push(trace(observed(text, Some(Metadata::new(span, None)), trace_id)));
                }
                out
            }
            Kind::Asked { invoked, invocation_id } => vec![trace(invocation(invoked, "RETURN_CONTROL", Some(invocation_id), trace_id))],
            Kind::ClientResult(result) => vec![trace(observed(result.body.as_deref().unwrap_or_default(), None, trace_id))],
            Kind::Question(question) => vec![Outgoing::ReturnControl(return_control(question, &request.agent.id))],
            Kind::Final { started, text, asks } => vec![trace(Orchestration::Observation {
                action_group_invocation_output: None,
                final_response: Some(FinalResponse {
                    metadata: FinalMetadata {
                        end_time: step.at.iso_nanos(),
                        operation_total_time_ms: millis(*started, step.at),
                        start_time: started.iso_nanos(),
                    },
                    text,
                }),
                trace_id,
                kind: if *asks { "ASK_USER" } else { "FINISH" },
            })],
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
                    let form = TraceForm::FailureTrace {
                        failure_code: status,
                        failure_reason: &reason,
                        trace_id,
                    };
                    out.push(part(step, request, &form));
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

fn invocation<'a>(invoked: &'a Invoked, execution_type: &'static str, id: Option<&'a str>, trace_id: &'a str) -> Orchestration<'a> {
    Orchestration::InvocationInput {
        action_group_invocation_input: ActionInput {
            action_group_name: &invoked.group,
            execution_type,
            function: &invoked.function,
            invocation_id: id,
            parameters: &invoked.arguments,
        },
        invocation_type: "ACTION_GROUP",
        trace_id,
    }
}

fn observed<'a>(text: &'a str, metadata: Option<Metadata<'a>>, trace_id: &'a str) -> Orchestration<'a> {
    Orchestration::Observation {
        action_group_invocation_output: Some(ActionOutput { metadata, text }),
        final_response: None,
        trace_id,
        kind: "ACTION_GROUP",
    }
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
                "parameters": asked.parameters,
            }})
        })
        .collect();
    json!({"invocationId": question.invocation_id, "invocationInputs": inputs})
}
