//! CountTokens: by the provider where it counts without being paid for an answer, which few do; else an estimate, as tokenisers are their own.
//!
//! The rule of the estimate errs on the high side for English and code (within about a quarter of what providers count for prose), so that a prompt that fits by it
//! fits in truth; docs/guides/converse.md says so too.

use bedplate_converse::{Block, MediaKind, Request, ResultPart, Source, SystemBlock};
use bedplate_wire::{Context, Fault};
use bedplate_wire_bedrock_runtime::types;

use super::{checks, fault, invoke, submit};
use crate::State;

/// What a message, a tool or a block costs beside its text. Ours: between what the published templates of models add.
const FRAME: u64 = 4;
/// An image (Anthropic's guide: about 1,600 for the largest that is not scaled down).
const IMAGE: u64 = 1_600;
/// Letters of a word that are one token. Ours.
const LETTERS: u64 = 6;

pub(crate) async fn count(state: &State, context: &Context, input: types::CountTokensRequest) -> Result<types::CountTokensResponse, Fault> {
    let model = state.model(input.model_id).await?;
    let request = match input.input {
        types::CountTokensInput::InvokeModel(wanted) => invoke::read(&model, &wanted.body, &context.request_id)?.0,
        types::CountTokensInput::Converse(wanted) => {
            let request = submit::request(types::ConverseRequest {
                model_id: model,
                messages: wanted.messages,
                system: wanted.system,
                tool_config: wanted.tool_config,
                additional_model_request_fields: wanted.additional_model_request_fields,
                ..types::ConverseRequest::default()
            })?;
            checks::conversation(&request)?;
            request
        }
    };
    let counted = state.models.count_tokens(&request).await;
    let tokens = match counted.map_err(|failure| fault::of(&failure))? {
        Some(tokens) => tokens,
        None => estimate(&request),
    };
    Ok(types::CountTokensResponse {
        input_tokens: i32::try_from(tokens).unwrap_or(i32::MAX),
    })
}

/// Tokens of a request, roughly.
pub(crate) fn estimate(request: &Request) -> u64 {
    let system = request.system.iter().map(|block| match block {
        SystemBlock::Text(text) => FRAME + tokens(text),
        SystemBlock::Guard(content) => tokens(&content.to_string()),
        SystemBlock::CachePoint(_) => 0,
    });
    let tools = request.tools.iter();
    let tools = tools.map(|tool| FRAME + tokens(&tool.name) + tokens(&tool.description) + tokens(&tool.schema.to_string()));
    let messages = request.messages.iter();
    let messages = messages.map(|message| FRAME + message.content.iter().map(block).sum::<u64>());
    system.chain(tools).chain(messages).sum()
}

fn block(block: &Block) -> u64 {
    match block {
        Block::Text(text) | Block::Cited { text, .. } | Block::Reasoning { text, .. } => tokens(text),
        Block::Media(media) => self::media(media),
        Block::Redacted(base64) => base64.len() as u64 / 4,
        Block::ToolUse { name, input, .. } => FRAME + tokens(name) + tokens(&input.to_string()),
        Block::ToolResult { content, .. } => {
            let parts = content.iter().map(|part| match part {
                ResultPart::Text(text) => tokens(text),
                ResultPart::Json(value) | ResultPart::Other(value) => tokens(&value.to_string()),
                ResultPart::Media(media) => self::media(media),
            });
            FRAME + parts.sum::<u64>()
        }
        Block::CachePoint(_) => 0,
        Block::Guard(value) | Block::Other(value) => tokens(&value.to_string()),
    }
}

fn media(media: &bedplate_converse::Media) -> u64 {
    match (&media.source, media.kind) {
        (Source::Text(text), _) => tokens(text),
        (Source::Texts(texts), _) => texts.iter().map(|text| tokens(text)).sum(),
        // Of a document's bytes about a half is text, in base64 as long again by a third.
        (Source::Bytes(base64), MediaKind::Document) => base64.len() as u64 / 10,
        _ => IMAGE,
    }
}

/// Words of one token for each few letters, marks of one, letters beyond ASCII of one.
fn tokens(text: &str) -> u64 {
    let (mut sum, mut run) = (0, 0);
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            run += 1;
            continue;
        }
        sum += u64::div_ceil(run, LETTERS);
        run = 0;
        sum += u64::from(!letter.is_whitespace());
    }
    sum + u64::div_ceil(run, LETTERS)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn prose_is_about_a_token_a_word() {
        for (text, least, most) in [
            ("", 0, 0),
            ("Hello, world!", 3, 5),
            ("The quick brown fox jumps over the lazy dog.", 9, 12),
            ("{\"a\": [1, 2]}", 8, 13),
            ("こんにちは", 4, 6),
        ] {
            let counted = tokens(text);
            assert!((least..=most).contains(&counted), "{text}: {counted}");
        }
    }
}
