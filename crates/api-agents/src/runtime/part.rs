//! A trace part as it is written: keys in alphabetical order. Most of what a turn sends is traces, so no tree of values is built for them.

use bedplate_agent::Argument;
use bedplate_agent::steps::{Span, Step};
use bedplate_agent::turn::Request;
use bedplate_base::Timestamp;
use bedplate_converse::Usage;
use serde::Serialize;

use super::encode::Outgoing;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    agent_alias_id: &'a str,
    agent_id: &'a str,
    agent_version: &'a str,
    caller_chain: [Caller<'a>; 1],
    event_time: String,
    session_id: &'a str,
    trace: &'a TraceForm<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Caller<'a> {
    agent_alias_arn: &'a str,
}

/// The union of traces.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum TraceForm<'a> {
    FailureTrace {
        failure_code: u16,
        failure_reason: &'a str,
        trace_id: &'a str,
    },
    OrchestrationTrace(Orchestration<'a>),
}

/// The union of what an orchestration's trace shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Orchestration<'a> {
    InvocationInput {
        action_group_invocation_input: ActionInput<'a>,
        invocation_type: &'static str,
        trace_id: &'a str,
    },
    ModelInvocationInput {
        foundation_model: &'a str,
        inference_configuration: Sampling<'a>,
        /// Empty: see [`part_with_text`].
        text: &'static str,
        trace_id: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
    },
    ModelInvocationOutput {
        metadata: Metadata<'a>,
        raw_response: RawResponse<'a>,
        trace_id: &'a str,
    },
    Observation {
        #[serde(skip_serializing_if = "Option::is_none")]
        action_group_invocation_output: Option<ActionOutput<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        final_response: Option<FinalResponse<'a>>,
        trace_id: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
    },
    Rationale {
        text: &'a str,
        trace_id: &'a str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionInput<'a> {
    pub(super) action_group_name: &'a str,
    pub(super) execution_type: &'static str,
    pub(super) function: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Argument]>::is_empty")]
    pub(super) parameters: &'a [Argument],
}

#[derive(Serialize)]
pub(super) struct ActionOutput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Metadata<'a>>,
    pub(super) text: &'a str,
}

#[derive(Serialize)]
pub(super) struct FinalResponse<'a> {
    pub(super) metadata: FinalMetadata,
    pub(super) text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FinalMetadata {
    pub(super) end_time: String,
    pub(super) operation_total_time_ms: u64,
    pub(super) start_time: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    client_request_id: &'a str,
    end_time: String,
    start_time: String,
    total_time_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Tokens>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Serialize)]
pub(super) struct RawResponse<'a> {
    pub(super) content: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sampling<'a> {
    #[serde(rename = "__type")]
    pub(super) class: &'static str,
    pub(super) maximum_length: Option<u32>,
    pub(super) stop_sequences: &'a [&'a str],
    pub(super) temperature: Option<f64>,
    pub(super) top_k: Option<u32>,
    pub(super) top_p: Option<f64>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(span: &'a Span, usage: Option<Usage>) -> Self {
        Self {
            client_request_id: &span.key,
            end_time: span.ended.iso_nanos(),
            start_time: span.started.iso_nanos(),
            total_time_ms: millis(span.started, span.ended),
            usage: usage.map(|usage| Tokens {
                input_tokens: usage.input_tokens,
                output_tokens: usage.output_tokens,
            }),
        }
    }
}

/// The trace part that shows `trace` of `request`.
pub(super) fn part(step: &Step, request: &Request, trace: &TraceForm<'_>) -> Outgoing {
    Outgoing::Trace(written(step, request, trace).into())
}

/// The same with the JSON string `literal` as the text of a model's input, which is empty in `trace`: it is long, and is written with its escapes
/// once.
pub(super) fn part_with_text(step: &Step, request: &Request, trace: &TraceForm<'_>, literal: &str) -> Outgoing {
    const EMPTY: &[u8] = br#""text":"""#;
    let part = written(step, request, trace);
    // From the end: only names and ids of our own follow.
    let at = part.windows(EMPTY.len()).rposition(|found| found == EMPTY);
    let at = at.expect("invariant: the text is a member") + EMPTY.len() - 2;
    let mut text = Vec::with_capacity(part.len() + literal.len());
    text.extend_from_slice(&part[..at]);
    text.extend_from_slice(literal.as_bytes());
    text.extend_from_slice(&part[at + 2..]);
    Outgoing::Trace(text.into())
}

fn written(step: &Step, request: &Request, trace: &TraceForm<'_>) -> Vec<u8> {
    let part = Part {
        agent_alias_id: &request.agent.alias_id,
        agent_id: &request.agent.id,
        agent_version: &request.agent.version,
        caller_chain: [Caller {
            agent_alias_arn: &request.agent.alias_arn,
        }],
        event_time: step.at.iso_nanos(),
        session_id: &request.session_id,
        trace,
    };
    serde_json::to_vec(&part).expect("invariant: a trace is plain data")
}

/// The difference of two times, cut off to milliseconds: what the service does.
pub(super) fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}
