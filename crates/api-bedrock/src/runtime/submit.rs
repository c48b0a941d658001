//! Converse's input → a request to a model. Texts are moved, not copied.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_converse::{
    Block, CachePoint, CacheTtl, DocumentFacts, Inference, Media, MediaKind, Message, Options, OutputSchema, Request, ResultPart, Role,
    Source, SystemBlock, Tool, ToolChoice, ToolStatus,
};
use bedplate_wire::{Fault, Json as _, Value};
use bedplate_wire_bedrock_runtime::types;
use bytes::Bytes;

use super::fault::invalid;

/// The request of a Converse, without judging the conversation.
///
/// # Errors
/// `ValidationException` for what is no JSON where JSON must be, or what is refused: prompts and guardrails.
pub(crate) fn request(input: types::ConverseRequest) -> Result<Request, Fault> {
    if input.prompt_variables.is_some_and(|variables| !variables.is_empty()) {
        return Err(invalid(
            "promptVariables is not supported: Bedplate has no prompt management yet. Send the prompt's text in messages and system.",
        ));
    }
    if input.guardrail_config.is_some() {
        return Err(invalid(
            "guardrailConfig is not supported: Bedplate has no guardrails yet. Leave it out to call the model without one.",
        ));
    }
    let messages = input.messages.unwrap_or_default();
    if let Some(at) = messages.iter().position(|message| message.role == types::ConversationRole::System) {
        return Err(invalid(format!(
            "The role system at messages.{at} is not supported: put the text into the system field."
        )));
    }
    let additional_fields = match input.additional_model_request_fields {
        Some(Value::Object(fields)) if fields.is_empty() => None,
        Some(fields @ Value::Object(_)) => Some(fields),
        Some(Value::Null) | None => None,
        Some(_) => return Err(invalid("additionalModelRequestFields must be a JSON object.")),
    };
    let output = input.output_config;
    let (schema, effort) = match output {
        Some(config) => (config.text_format.map(output_schema).transpose()?, config.effort),
        None => (None, None),
    };
    let mut options = Options {
        output: schema,
        effort,
        additional_fields,
        response_field_paths: pointers(input.additional_model_response_field_paths.unwrap_or_default())?,
        latency: input
            .performance_config
            .and_then(|config| config.latency)
            .map(|latency| latency.as_str().to_owned()),
        service_tier: input.service_tier.map(|tier| tier.r#type.as_str().to_owned()),
        metadata: input.request_metadata.unwrap_or_default(),
        ..Options::default()
    };
    let (tools, tool_choice) = match input.tool_config {
        Some(config) => tools(config, &mut options)?,
        None => (Vec::new(), ToolChoice::Auto),
    };
    Ok(Request {
        model: input.model_id,
        system: input.system.unwrap_or_default().into_iter().map(system).collect(),
        messages: messages.into_iter().map(|message| Arc::new(self::message(message))).collect(),
        tools: tools.into(),
        tool_choice,
        inference: input.inference_config.map(inference).unwrap_or_default(),
        options,
        streaming: false,
    })
}

/// ConverseStream's input as Converse's: they have the same members.
pub(crate) fn whole(input: types::ConverseStreamRequest) -> types::ConverseRequest {
    types::ConverseRequest {
        model_id: input.model_id,
        messages: input.messages,
        system: input.system,
        inference_config: input.inference_config,
        tool_config: input.tool_config,
        guardrail_config: input.guardrail_config.map(|_| types::GuardrailConfiguration::default()),
        additional_model_request_fields: input.additional_model_request_fields,
        prompt_variables: input.prompt_variables,
        additional_model_response_field_paths: input.additional_model_response_field_paths,
        request_metadata: input.request_metadata,
        performance_config: input.performance_config,
        service_tier: input.service_tier,
        output_config: input.output_config,
    }
}

/// JSON Pointers, as RFC 6901 has them.
fn pointers(paths: Vec<String>) -> Result<Vec<String>, Fault> {
    match paths.iter().find(|path| !path.is_empty() && !path.starts_with('/')) {
        Some(wrong) => Err(invalid(format!(
            "additionalModelResponseFieldPaths holds {wrong:?}, which is not a JSON Pointer: begin it with \"/\", such as \"/stop_sequence\"."
        ))),
        None => Ok(paths),
    }
}

fn output_schema(format: types::OutputFormat) -> Result<OutputSchema, Fault> {
    let types::OutputFormatStructure::JsonSchema(definition) = format.structure;
    let schema = bedplate_wire::parse(definition.schema.as_bytes())
        .map_err(|error| invalid(format!("outputConfig.textFormat.structure.jsonSchema.schema is not JSON: {error}")))?;
    if !schema.is_object() {
        return Err(invalid(
            "outputConfig.textFormat.structure.jsonSchema.schema must be the text of a JSON object.",
        ));
    }
    Ok(OutputSchema {
        name: definition.name,
        description: definition.description,
        schema,
    })
}

fn inference(config: types::InferenceConfiguration) -> Inference {
    Inference {
        temperature: config.temperature.map(double),
        top_p: config.top_p.map(double),
        top_k: None,
        max_tokens: config.max_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
        stop_sequences: config.stop_sequences.unwrap_or_default(),
    }
}

/// The number as it was written: 0.7, not 0.699999988.
fn double(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

fn tools(config: types::ToolConfiguration, options: &mut Options) -> Result<(Vec<Tool>, ToolChoice), Fault> {
    let mut tools: Vec<Tool> = Vec::with_capacity(config.tools.len());
    for (index, tool) in config.tools.into_iter().enumerate() {
        match tool {
            types::Tool::ToolSpec(spec) => {
                let types::ToolInputSchema::Json(schema) = spec.input_schema;
                if !schema.is_object() {
                    return Err(invalid(format!(
                        "The value at toolConfig.tools.{index}.toolSpec.inputSchema.json must be a JSON Schema: an object."
                    )));
                }
                tools.push(Tool {
                    name: spec.name,
                    description: spec.description.unwrap_or_default(),
                    schema,
                    strict: spec.strict,
                    cache_point: None,
                });
            }
            types::Tool::SystemTool(tool) => options.system_tools.push(tool.name),
            types::Tool::CachePoint(point) => match tools.last_mut() {
                Some(tool) => tool.cache_point = Some(cache_point(&point)),
                None => {
                    return Err(invalid(
                        "toolConfig.tools begins with a cachePoint: put it behind the tools that are to be cached.",
                    ));
                }
            },
        }
    }
    let choice = match config.tool_choice {
        None | Some(types::ToolChoice::Auto(_)) => ToolChoice::Auto,
        Some(types::ToolChoice::Any(_)) => ToolChoice::Any,
        Some(types::ToolChoice::Tool(tool)) => ToolChoice::Tool(tool.name),
    };
    Ok((tools, choice))
}

fn system(block: types::SystemContentBlock) -> SystemBlock {
    match block {
        types::SystemContentBlock::Text(text) => SystemBlock::Text(text),
        types::SystemContentBlock::CachePoint(point) => SystemBlock::CachePoint(cache_point(&point)),
        types::SystemContentBlock::GuardContent(content) => SystemBlock::Guard(content.to_json()),
    }
}

fn cache_point(point: &types::CachePointBlock) -> CachePoint {
    CachePoint {
        ttl: point.ttl.as_ref().and_then(|ttl| CacheTtl::parse(ttl.as_str())),
    }
}

fn message(message: types::Message) -> Message {
    Message {
        role: match message.role {
            types::ConversationRole::Assistant => Role::Assistant,
            _ => Role::User,
        },
        content: message.content.into_iter().map(block).collect(),
    }
}

fn block(block: types::ContentBlock) -> Block {
    use types::ContentBlock as In;
    match block {
        In::Text(text) => Block::Text(text),
        In::Image(image) => Block::Media(self::image(image)),
        In::Document(document) => Block::Media(self::document(document)),
        In::Video(video) => Block::Media(self::video(video)),
        In::Audio(audio) => Block::Media(Media {
            kind: MediaKind::Audio,
            format: audio.format.as_str().to_owned(),
            source: match audio.source {
                types::AudioSource::Bytes(content) => bytes(&content),
                types::AudioSource::S3Location(at) => s3(at),
            },
            document: None,
        }),
        In::ToolUse(tool) => Block::ToolUse {
            id: tool.tool_use_id,
            name: tool.name,
            input: tool.input,
        },
        In::ToolResult(result) => Block::ToolResult {
            id: result.tool_use_id,
            content: result.content.into_iter().map(part).collect(),
            status: match result.status {
                Some(types::ToolResultStatus::Error) => ToolStatus::Error,
                _ => ToolStatus::Success,
            },
        },
        In::CachePoint(point) => Block::CachePoint(cache_point(&point)),
        In::ReasoningContent(types::ReasoningContentBlock::ReasoningText(reasoning)) => Block::Reasoning {
            text: reasoning.text,
            signature: reasoning.signature,
        },
        In::ReasoningContent(types::ReasoningContentBlock::RedactedContent(content)) => Block::Redacted(STANDARD.encode(content)),
        In::CitationsContent(cited) => Block::Cited {
            text: cited
                .content
                .unwrap_or_default()
                .into_iter()
                .map(|types::CitationGeneratedContent::Text(text)| text)
                .collect(),
            citations: cited
                .citations
                .unwrap_or_default()
                .iter()
                .map(|citation| citation.to_json())
                .collect(),
        },
        In::GuardContent(content) => Block::Guard(content.to_json()),
        other @ (In::SearchResult(_) | In::ToolAddition(_) | In::ToolRemoval(_)) => Block::Other(other.to_json()),
    }
}

fn part(part: types::ToolResultContentBlock) -> ResultPart {
    use types::ToolResultContentBlock as In;
    match part {
        In::Text(text) => ResultPart::Text(text),
        In::Json(value) => ResultPart::Json(value),
        In::Image(image) => ResultPart::Media(self::image(image)),
        In::Document(document) => ResultPart::Media(self::document(document)),
        In::Video(video) => ResultPart::Media(self::video(video)),
        other @ In::SearchResult(_) => ResultPart::Other(other.to_json()),
    }
}

fn image(image: types::ImageBlock) -> Media {
    Media {
        kind: MediaKind::Image,
        format: image.format.as_str().to_owned(),
        source: match image.source {
            types::ImageSource::Bytes(content) => bytes(&content),
            types::ImageSource::S3Location(at) => s3(at),
        },
        document: None,
    }
}

fn video(video: types::VideoBlock) -> Media {
    Media {
        kind: MediaKind::Video,
        format: video.format.as_str().to_owned(),
        source: match video.source {
            types::VideoSource::Bytes(content) => bytes(&content),
            types::VideoSource::S3Location(at) => s3(at),
        },
        document: None,
    }
}

fn document(document: types::DocumentBlock) -> Media {
    Media {
        kind: MediaKind::Document,
        format: document.format.map(|format| format.as_str().to_owned()).unwrap_or_default(),
        source: match document.source {
            types::DocumentSource::Bytes(content) => bytes(&content),
            types::DocumentSource::S3Location(at) => s3(at),
            types::DocumentSource::Text(text) => Source::Text(text),
            types::DocumentSource::Content(parts) => {
                Source::Texts(parts.into_iter().map(|types::DocumentContentBlock::Text(text)| text).collect())
            }
        },
        document: Some(DocumentFacts {
            name: document.name,
            context: document.context,
            citations: document.citations.is_some_and(|citations| citations.enabled),
        }),
    }
}

fn bytes(content: &Bytes) -> Source {
    Source::Bytes(STANDARD.encode(content).into())
}

fn s3(at: types::S3Location) -> Source {
    Source::S3 {
        uri: at.uri,
        bucket_owner: at.bucket_owner,
    }
}
