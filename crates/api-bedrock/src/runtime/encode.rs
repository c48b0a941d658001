//! A model's reply in Converse's form, whole and as events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::Error;
use bedplate_converse::{Block, Reply, StopReason, Usage};
use bedplate_wire::{Fault, Json as _, Value};
use bedplate_wire_bedrock_runtime::types;

use super::fault;
use super::live::{Delta, Event, Start};

/// The whole answer.
///
/// # Errors
/// `ModelErrorException` when the model said what Converse has no form for.
pub(crate) fn whole(reply: Reply, latency_ms: u64) -> Result<types::ConverseResponse, Fault> {
    let content = reply.message.content.into_iter().map(block).collect::<Result<_, _>>()?;
    Ok(types::ConverseResponse {
        output: types::ConverseOutput::Message(types::Message {
            role: types::ConversationRole::Assistant,
            content,
        }),
        stop_reason: stop_reason(reply.stop),
        usage: usage(&reply.usage),
        metrics: types::ConverseMetrics {
            latency_ms: milliseconds(reply.facts.latency_ms.unwrap_or(latency_ms)),
        },
        additional_model_response_fields: reply.facts.additional_fields,
        trace: reply.facts.trace.and_then(|trace| types::ConverseTrace::from_json(&trace).ok()),
        performance_config: performance(reply.facts.latency.as_deref()),
        service_tier: tier(reply.facts.service_tier.as_deref()),
    })
}

/// The frames of an event: none for what Converse does not tell (a text's start), two for the end.
pub(crate) fn events(event: Event, latency_ms: impl FnOnce() -> u64) -> Vec<types::ConverseStreamOutput> {
    use types::ConverseStreamOutput as Out;
    match event {
        Event::Started => vec![Out::MessageStart(types::MessageStartEvent {
            role: types::ConversationRole::Assistant,
        })],
        Event::BlockStarted(index, Start::Tool { id, name }) => vec![Out::ContentBlockStart(types::ContentBlockStartEvent {
            start: types::ContentBlockStart::ToolUse(types::ToolUseBlockStart {
                tool_use_id: id,
                name,
                r#type: None,
            }),
            content_block_index: number(index),
        })],
        Event::BlockStarted(..) => Vec::new(),
        Event::Delta(index, delta) => match self::delta(delta) {
            Some(delta) => vec![Out::ContentBlockDelta(types::ContentBlockDeltaEvent {
                delta,
                content_block_index: number(index),
            })],
            None => Vec::new(),
        },
        Event::BlockStopped(index) => vec![Out::ContentBlockStop(types::ContentBlockStopEvent {
            content_block_index: number(index),
        })],
        Event::Ended(reply) => {
            let facts = reply.facts;
            vec![
                Out::MessageStop(types::MessageStopEvent {
                    stop_reason: stop_reason(reply.stop),
                    additional_model_response_fields: facts.additional_fields,
                }),
                Out::Metadata(types::ConverseStreamMetadataEvent {
                    usage: usage(&reply.usage),
                    metrics: types::ConverseStreamMetrics {
                        latency_ms: milliseconds(facts.latency_ms.unwrap_or_else(latency_ms)),
                    },
                    trace: facts.trace.and_then(|trace| types::ConverseStreamTrace::from_json(&trace).ok()),
                    performance_config: performance(facts.latency.as_deref()),
                    service_tier: tier(facts.service_tier.as_deref()),
                }),
            ]
        }
        Event::Failed(failure) => vec![fault::in_converse(&failure)],
    }
}

fn delta(delta: Delta) -> Option<types::ContentBlockDelta> {
    use types::ContentBlockDelta as Out;
    use types::ReasoningContentBlockDelta as Reasoning;
    Some(match delta {
        Delta::Text(text) => Out::Text(text),
        Delta::Thinking(text) => Out::ReasoningContent(Reasoning::Text(text)),
        Delta::Signature(signature) => Out::ReasoningContent(Reasoning::Signature(signature)),
        Delta::Redacted(content) => Out::ReasoningContent(Reasoning::RedactedContent(STANDARD.decode(content).ok()?.into())),
        Delta::Citation(citation) => Out::Citation(types::CitationsDelta::from_json(&citation).ok()?),
        Delta::Input(input) => Out::ToolUse(types::ToolUseBlockDelta { input }),
    })
}

fn block(block: Block) -> Result<types::ContentBlock, Fault> {
    use types::ContentBlock as Out;
    Ok(match block {
        Block::Text(text) => Out::Text(text),
        Block::ToolUse { id, name, input } => Out::ToolUse(types::ToolUseBlock {
            tool_use_id: id,
            name,
            input: if input.is_null() {
                Value::Object(serde_json::Map::new())
            } else {
                input
            },
            r#type: None,
        }),
        Block::Reasoning { text, signature } => {
            Out::ReasoningContent(types::ReasoningContentBlock::ReasoningText(types::ReasoningTextBlock {
                text,
                signature,
            }))
        }
        other => {
            let json = other.to_json();
            Out::from_json(&json).map_err(|error| {
                let problem = Error::internal(error.to_string());
                let mut fault = Fault::new(
                    "ModelErrorException",
                    "The model's answer holds a block that Converse has no form for.",
                );
                fault.source = Some(Box::new(problem));
                fault
            })?
        }
    })
}

fn stop_reason(stop: StopReason) -> types::StopReason {
    stop.as_str().parse().unwrap_or_default()
}

pub(crate) fn usage(usage: &Usage) -> types::TokenUsage {
    let cached = usage.cache_read_tokens + usage.cache_write_tokens > 0;
    types::TokenUsage {
        input_tokens: count(usage.uncached_input_tokens()),
        output_tokens: count(usage.output_tokens),
        total_tokens: count(usage.total_tokens()),
        cache_read_input_tokens: cached.then(|| count(usage.cache_read_tokens)),
        cache_write_input_tokens: cached.then(|| count(usage.cache_write_tokens)),
        cache_details: None,
    }
}

fn performance(latency: Option<&str>) -> Option<types::PerformanceConfiguration> {
    Some(types::PerformanceConfiguration {
        latency: Some(latency?.parse().ok()?),
    })
}

fn tier(tier: Option<&str>) -> Option<types::ServiceTier> {
    Some(types::ServiceTier {
        r#type: tier?.parse().ok()?,
    })
}

pub(crate) fn count(tokens: u64) -> i32 {
    i32::try_from(tokens).unwrap_or(i32::MAX)
}

fn milliseconds(latency: u64) -> i64 {
    i64::try_from(latency).unwrap_or(i64::MAX)
}

fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
