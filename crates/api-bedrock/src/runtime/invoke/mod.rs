//! InvokeModel and InvokeModelWithResponseStream: bodies in the form of each family of models, for whichever provider answers.
//!
//! The model's id says which form the body has; one that no family claims is judged by the body itself. A form reads the body into a request,
//! and writes the reply back, whole or as chunks.

mod anthropic;
mod body;
mod chat;
mod embedding;
mod nova;
mod prompt;
mod text;

use bedplate_converse::{Reply, Request, Usage};
use bedplate_journal::Progress;
use bedplate_wire::{Context, Fault, Operation, Streamed, Value};
use bedplate_wire_bedrock_runtime::types;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::fault::{self, invalid};
use super::live::{self, Event};
use super::{checks, encode};
use crate::State;

/// The only content type that any family here takes and gives.
const JSON: &str = "application/json";

/// How a family writes a reply. Made together with the request that it answers.
pub(crate) trait Form: Send {
    /// The whole reply.
    fn whole(&self, reply: &Reply) -> Value;
    /// The chunks of an event. Called in order, for each event of one reply but failures.
    fn chunks(&mut self, event: Event) -> Vec<Value>;
}

/// A request and the form of its answer.
pub(crate) type Read = (Request, Box<dyn Form>);

/// Reads a body in the form of `model`'s family. `answer_id` goes where a family's answers carry an id.
///
/// # Errors
/// `ValidationException` in the service's words ("Malformed input request: …").
pub(crate) fn read(model: &str, body: &Bytes, answer_id: &str) -> Result<Read, Fault> {
    conversation(model, body::Body::parse(body)?, answer_id)
}

fn conversation(model: &str, fields: body::Body, answer_id: &str) -> Result<Read, Fault> {
    let (mut request, form) = match Family::of(model, &fields) {
        Family::Anthropic => anthropic::read(model, fields, answer_id)?,
        Family::AnthropicText => text::read(text::Kind::Claude, fields, answer_id)?,
        Family::Nova => nova::read(fields)?,
        Family::Titan => text::read(text::Kind::Titan, fields, answer_id)?,
        Family::Llama => text::read(text::Kind::Llama, fields, answer_id)?,
        Family::Mistral => text::read(text::Kind::Mistral, fields, answer_id)?,
        Family::Prompt => text::read(text::Kind::Choices, fields, answer_id)?,
        Family::Command => text::read(text::Kind::Command, fields, answer_id)?,
        Family::Chat => chat::read(model, fields, answer_id)?,
        Family::Embedding => {
            return Err(invalid(
                "This is a model for embeddings: it takes no conversation and streams nothing. Call InvokeModel.",
            ));
        }
    };
    model.clone_into(&mut request.model);
    checks::conversation(&request)?;
    Ok((request, form))
}

/// The forms of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Anthropic,
    AnthropicText,
    Nova,
    Titan,
    Llama,
    Mistral,
    /// `prompt` in, `choices[].text` out: DeepSeek.
    Prompt,
    /// Cohere Command.
    Command,
    /// OpenAI's Chat Completions, which newer families take: Mistral's chat models, AI21 Jamba, Qwen, gpt-oss.
    Chat,
    Embedding,
}

impl Family {
    fn of(model: &str, fields: &body::Body) -> Self {
        let named = |part: &str| model.contains(part);
        let has = |key: &str| fields.has(key);
        let by_name = [
            ("anthropic.", Self::Anthropic),
            ("amazon.nova", Self::Nova),
            ("amazon.titan-embed", Self::Embedding),
            ("cohere.embed", Self::Embedding),
            ("amazon.titan", Self::Titan),
            ("meta.llama", Self::Llama),
            ("mistral.", Self::Mistral),
            ("cohere.command", Self::Command),
            ("deepseek.", Self::Prompt),
        ];
        match by_name.iter().find(|(part, _)| named(part)).map(|(_, family)| *family) {
            Some(Self::Anthropic) if has("prompt") && !has("messages") => Self::AnthropicText,
            Some(Self::Mistral | Self::Prompt | Self::Llama) if has("messages") => Self::Chat,
            Some(family) => family,
            None if has("anthropic_version") => Self::Anthropic,
            None if has("inferenceConfig") || has("schemaVersion") => Self::Nova,
            None if has("textGenerationConfig") => Self::Titan,
            None if has("inputText") && (has("dimensions") || has("normalize")) => Self::Embedding,
            None if has("inputText") => Self::Titan,
            None if has("texts") => Self::Embedding,
            None if has("max_gen_len") => Self::Llama,
            None if has("message") => Self::Command,
            None if has("prompt") => Self::Mistral,
            None => Self::Chat,
        }
    }
}

pub(crate) async fn invoke(state: &State, context: &Context, input: types::InvokeModelRequest) -> Result<Invoked, Fault> {
    plain(
        input.guardrail_identifier.is_some(),
        input.content_type.as_deref(),
        input.accept.as_deref(),
    )?;
    let wanted = Wanted {
        operation: "InvokeModel",
        metadata: input.request_metadata,
        latency: input.performance_config_latency.map(|latency| latency.as_str().to_owned()),
        tier: input.service_tier.map(|tier| tier.as_str().to_owned()),
    };
    let model = state.model(input.model_id).await?;
    perform(state, context, &model, &input.body.unwrap_or_default(), wanted).await
}

/// What beside the body asks for something.
struct Wanted {
    operation: &'static str,
    metadata: Option<String>,
    latency: Option<String>,
    tier: Option<String>,
}

/// The answer to a body that came without a client who waits.
pub(crate) async fn quietly(state: &State, context: &Context, model: &str, body: &Value) -> Result<Value, Fault> {
    let wanted = Wanted {
        operation: "AsyncInvoke",
        metadata: None,
        latency: None,
        tier: None,
    };
    let answer = perform(state, context, model, &body.to_string().into(), wanted).await?;
    Ok(serde_json::from_slice(&answer.output.body).unwrap_or_default())
}

/// # Errors
/// What is wrong with a body.
pub(crate) fn validate(model: &str, body: &Bytes, answer_id: &str) -> Result<(), Fault> {
    let fields = body::Body::parse(body)?;
    match Family::of(model, &fields) {
        Family::Embedding => embedding::read(model, fields).map(|_| ()),
        _ => conversation(model, fields, answer_id).map(|_| ()),
    }
}

async fn perform(state: &State, context: &Context, model: &str, body: &Bytes, wanted: Wanted) -> Result<Invoked, Fault> {
    let began = state.clock.now();
    let fields = body::Body::parse(body)?;
    let draft = state
        .log
        .draft(context, wanted.operation, model, || logged(body, wanted.metadata.as_deref()));
    if Family::of(model, &fields) == Family::Embedding {
        let texts = embedding::read(model, fields)?;
        let answer = embedding::answer(state, context, model, texts).await;
        if let Some(draft) = draft {
            let outcome = answer.as_ref().map(Clone::clone).map_err(|fault| fault.code.as_ref());
            state.log.finish(draft.embedding(), outcome);
        }
        let (value, usage) = answer?;
        return Ok(Invoked::new(&value, &usage, state.since(began)));
    }
    let (mut request, form) = conversation(model, fields, &context.request_id)?;
    (request.options.latency, request.options.service_tier) = (wanted.latency, wanted.tier);
    let reply = state.ask(context, &request, &Progress::none()).await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(failure) => {
            if let Some(draft) = draft {
                state.log.finish(draft, Err(failure.fault.exception(false)));
            }
            return Err(fault::of(&failure));
        }
    };
    let latency_ms = reply.facts.latency_ms.unwrap_or_else(|| state.since(began));
    let whole = form.whole(&reply);
    let mut invoked = Invoked::new(&whole, &reply.usage, latency_ms);
    if let Some(draft) = draft {
        state.log.finish(draft, Ok((whole, reply.usage)));
    }
    invoked.output.service_tier = reply.facts.service_tier.as_deref().and_then(|tier| tier.parse().ok());
    invoked.output.performance_config_latency = reply.facts.latency.as_deref().and_then(|latency| latency.parse().ok());
    Ok(invoked)
}

pub(crate) async fn stream(
    state: &State,
    context: &Context,
    input: types::InvokeModelWithResponseStreamRequest,
) -> Result<Streamed<types::InvokeModelWithResponseStreamResponse>, Fault> {
    plain(
        input.guardrail_identifier.is_some(),
        input.content_type.as_deref(),
        input.accept.as_deref(),
    )?;
    let body = input.body.unwrap_or_default();
    let model = state.model(input.model_id).await?;
    let (mut request, mut form) = read(&model, &body, &context.request_id)?;
    request.options.latency = input.performance_config_latency.map(|latency| latency.as_str().to_owned());
    request.options.service_tier = input.service_tier.map(|tier| tier.as_str().to_owned());
    request.streaming = true;
    let mut draft = state.log.draft(context, "InvokeModelWithResponseStream", &model, || {
        logged(&body, input.request_metadata.as_deref())
    });
    let mut said: Vec<Value> = Vec::new();
    let began = state.clock.now();
    let mut events = Box::pin(live::call(state.detached(), context.clone(), request));
    let first = match events.next().await {
        Some(Event::Failed(failure)) => {
            if let Some(draft) = draft {
                state.log.finish(draft, Err(failure.fault.exception(false)));
            }
            return Err(fault::of(&failure));
        }
        first => first,
    };
    let first_byte = state.since(began);
    let state = state.clone();
    let chunks = stream::iter(first).chain(events).flat_map(move |event| {
        if let Event::Failed(failure) = &event {
            if let Some(draft) = draft.take() {
                state.log.finish(draft, Err(failure.fault.exception(true)));
            }
            return stream::iter(vec![fault::in_chunks(failure)]);
        }
        let metrics = match &event {
            Event::Ended(reply) => Some(json!({
                "inputTokenCount": encode::count(reply.usage.uncached_input_tokens()),
                "outputTokenCount": encode::count(reply.usage.output_tokens),
                "invocationLatency": reply.facts.latency_ms.unwrap_or_else(|| state.since(began)),
                "firstByteLatency": first_byte,
            })),
            _ => None,
        };
        let usage = match &event {
            Event::Ended(reply) => Some(reply.usage),
            _ => None,
        };
        let mut chunks = form.chunks(event);
        if let (Some(metrics), Some(last)) = (metrics, chunks.last_mut()) {
            last["amazon-bedrock-invocationMetrics"] = metrics;
        }
        if draft.is_some() {
            said.extend(chunks.iter().cloned());
        }
        if let (Some(usage), Some(draft)) = (usage, draft.take_if(|_| usage.is_some())) {
            state.log.finish(draft, Ok((Value::Array(std::mem::take(&mut said)), usage)));
        }
        stream::iter(chunks.iter().map(chunk).collect::<Vec<_>>())
    });
    let output = types::InvokeModelWithResponseStreamResponse {
        content_type: JSON.to_owned(),
        ..types::InvokeModelWithResponseStreamResponse::default()
    };
    Ok(Streamed::new(output, chunks))
}

/// A body as it came, for the log, with its metadata: the text of an object of texts.
fn logged(body: &Bytes, metadata: Option<&str>) -> (Value, Value) {
    let read = |text: &[u8]| bedplate_wire::parse(text).unwrap_or_default();
    (read(body), metadata.map_or(Value::Null, |text| read(text.as_bytes())))
}

fn chunk(value: &Value) -> types::ResponseStream {
    types::ResponseStream::Chunk(types::PayloadPart { bytes: Some(text(value)) })
}

/// Not by way of `Display`, which costs twice as much.
fn text(value: &Value) -> Bytes {
    serde_json::to_vec(value).expect("invariant: a JSON value has a text").into()
}

/// Refuses what is asked for beside the body and does not exist here.
fn plain(guarded: bool, content_type: Option<&str>, accept: Option<&str>) -> Result<(), Fault> {
    if guarded {
        return Err(invalid(
            "guardrailIdentifier is not supported: Bedplate has no guardrails yet. Leave it out to call the model without one.",
        ));
    }
    let is_json = |text: &str| text.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(JSON));
    if let Some(wrong) = content_type.filter(|given| !is_json(given)) {
        return Err(invalid(format!(
            "The content type {wrong:?} is not supported: the body of InvokeModel is {JSON}."
        )));
    }
    let any = |text: &str| text.split(',').any(|one| is_json(one) || one.trim().starts_with("*/*"));
    match accept.filter(|wanted| !wanted.trim().is_empty() && !any(wanted)) {
        Some(wrong) => Err(invalid(format!(
            "The accept type {wrong:?} is not supported: models answer InvokeModel with {JSON}."
        ))),
        None => Ok(()),
    }
}

/// InvokeModel's answer with the headers that the model file does not tell of (API reference, InvokeModel).
pub(crate) struct Invoked {
    output: types::InvokeModelResponse,
    headers: Vec<(&'static str, String)>,
}

impl Invoked {
    fn new(body: &Value, usage: &Usage, latency_ms: u64) -> Self {
        let mut headers = vec![
            ("x-amzn-bedrock-invocation-latency", latency_ms.to_string()),
            ("x-amzn-bedrock-output-token-count", usage.output_tokens.to_string()),
            ("x-amzn-bedrock-input-token-count", usage.uncached_input_tokens().to_string()),
        ];
        if usage.cache_read_tokens + usage.cache_write_tokens > 0 {
            headers.push(("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read_tokens.to_string()));
            headers.push(("x-amzn-bedrock-cache-write-input-token-count", usage.cache_write_tokens.to_string()));
        }
        Self {
            output: types::InvokeModelResponse {
                body: text(body),
                content_type: JSON.to_owned(),
                ..types::InvokeModelResponse::default()
            },
            headers,
        }
    }
}

impl bedplate_wire::Reply for Invoked {
    fn reply(self, protocol: bedplate_wire::Protocol, operation: &Operation, context: &Context) -> bedplate_wire::Response {
        let mut response = self.output.reply(protocol, operation, context);
        response.headers.extend(self.headers);
        response
    }
}
