//! Families that take one text and give one: Amazon Titan Text, Meta Llama, Mistral, DeepSeek, Cohere Command, and Anthropic's old Text
//! Completions (user guide, "Inference request parameters and response fields for foundation models").

use std::sync::Arc;

use bedplate_converse::{Block, Inference, Message, Reply, Request, Role, StopReason, SystemBlock, Usage};
use bedplate_wire::{Fault, Value};
use serde_json::json;

use super::super::live::{Delta, Event};
use super::anthropic::push;
use super::body::{Body, malformed};
use super::{Form, Read, prompt};

/// The families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Claude,
    Titan,
    Llama,
    Mistral,
    /// DeepSeek: `choices[].text`.
    Choices,
    /// Cohere.
    Command,
}

pub(super) fn read(kind: Kind, mut body: Body, answer_id: &str) -> Result<Read, Fault> {
    let mut prompt = prompt::Prompt::default();
    let mut chat = false;
    let mut settings = None;
    match kind {
        Kind::Titan => {
            prompt = prompt::read(&body.need_text("inputText")?);
            settings = body.object("textGenerationConfig")?;
        }
        Kind::Command if body.has("message") => {
            chat = true;
            prompt = command(&mut body)?;
        }
        _ => prompt = merge(prompt, prompt::read(&body.need_text("prompt")?)),
    }
    let inference = match settings {
        Some(mut settings) => {
            let inference = inference(kind, &mut settings)?;
            settings.done()?;
            inference
        }
        None if kind == Kind::Titan => Inference::default(),
        None => inference(kind, &mut body)?,
    };
    if kind == Kind::Claude {
        body.take("anthropic_version");
    }
    if !matches!(kind, Kind::Command) {
        body.done()?;
    }
    let request = Request {
        system: SystemBlock::text(prompt.system),
        messages: prompt.messages.into_iter().map(Arc::new).collect(),
        inference,
        ..Request::default()
    };
    let form = Text {
        kind,
        chat,
        id: answer_id.to_owned(),
        said: String::new(),
    };
    Ok((request, Box::new(form)))
}

fn merge(mut first: prompt::Prompt, second: prompt::Prompt) -> prompt::Prompt {
    second.messages.into_iter().for_each(|message| push(&mut first.messages, message));
    first.system.push_str(&second.system);
    first
}

/// Cohere Command R: what was said before, then the message.
fn command(body: &mut Body) -> Result<prompt::Prompt, Fault> {
    let mut out = prompt::Prompt {
        system: body.text("preamble")?.unwrap_or_default(),
        ..prompt::Prompt::default()
    };
    for (index, value) in body.list("chat_history")?.unwrap_or_default().into_iter().enumerate() {
        let mut fields = Body::of(value, format!("#/chat_history/{index}"))?;
        let role = match fields.need_text("role")?.as_str() {
            "USER" => Role::User,
            "CHATBOT" => Role::Assistant,
            other => return Err(malformed(&fields.inner("role"), &format!("{other} is neither USER nor CHATBOT"))),
        };
        let content = vec![Block::Text(fields.need_text("message")?)];
        push(&mut out.messages, Message { role, content });
    }
    push(&mut out.messages, Message::user(body.need_text("message")?));
    Ok(out)
}

fn inference(kind: Kind, body: &mut Body) -> Result<Inference, Fault> {
    let (tokens, top_p, top_k, stops) = match kind {
        Kind::Claude => ("max_tokens_to_sample", "top_p", "top_k", "stop_sequences"),
        Kind::Titan => ("maxTokenCount", "topP", "topK", "stopSequences"),
        Kind::Llama => ("max_gen_len", "top_p", "top_k", "stop"),
        Kind::Mistral | Kind::Choices => ("max_tokens", "top_p", "top_k", "stop"),
        Kind::Command => ("max_tokens", "p", "k", "stop_sequences"),
    };
    Ok(Inference {
        max_tokens: body.whole(tokens, 1)?,
        temperature: body.number("temperature", 0.0, 5.0)?,
        top_p: body.number(top_p, 0.0, 1.0)?,
        top_k: body.whole(top_k, 0)?,
        stop_sequences: body.texts(stops)?.unwrap_or_default(),
    })
}

struct Text {
    kind: Kind,
    /// Command R's form, not Command's.
    chat: bool,
    id: String,
    /// What was streamed, for those that repeat it at the end.
    said: String,
}

impl Text {
    /// One piece of text: the whole, or a chunk, or the end of a stream with its reason and tokens.
    fn piece(&self, text: &str, end: Option<(StopReason, &Usage)>) -> Value {
        let stop = end.map(|(stop, _)| self.reason(stop));
        let input = end.map(|(_, usage)| usage.input_tokens);
        let output = end.map(|(_, usage)| usage.output_tokens);
        match self.kind {
            Kind::Claude => json!({"type": "completion", "completion": text, "stop_reason": stop, "stop": null}),
            Kind::Titan => json!({
                "outputText": text, "index": 0, "totalOutputTextTokenCount": output, "completionReason": stop, "inputTextTokenCount": input,
            }),
            Kind::Llama => json!({
                "generation": text, "prompt_token_count": input, "generation_token_count": output, "stop_reason": stop,
            }),
            Kind::Mistral => json!({"outputs": [{"text": text, "stop_reason": stop}]}),
            Kind::Choices => json!({"choices": [{"text": text, "stop_reason": stop}]}),
            Kind::Command => json!({"text": text, "is_finished": stop.is_some(), "finish_reason": stop}),
        }
    }

    fn reason(&self, stop: StopReason) -> &'static str {
        let cut = stop == StopReason::MaxTokens;
        match self.kind {
            Kind::Claude if cut => "max_tokens",
            Kind::Claude => "stop_sequence",
            Kind::Titan if cut => "LENGTH",
            Kind::Titan if stop == StopReason::StopSequence => "STOP_CRITERIA_MET",
            Kind::Titan if stop == StopReason::ContentFiltered => "CONTENT_FILTERED",
            Kind::Titan => "FINISH",
            Kind::Llama | Kind::Mistral | Kind::Choices if cut => "length",
            Kind::Llama | Kind::Mistral | Kind::Choices => "stop",
            Kind::Command if cut => "MAX_TOKENS",
            Kind::Command => "COMPLETE",
        }
    }
}

impl Form for Text {
    fn whole(&self, reply: &Reply) -> Value {
        let (text, stop) = (reply.message.text(), self.reason(reply.stop));
        match self.kind {
            Kind::Titan => {
                let result = json!({"tokenCount": reply.usage.output_tokens, "outputText": text, "completionReason": stop});
                json!({"inputTextTokenCount": reply.usage.input_tokens, "results": [result]})
            }
            Kind::Command if self.chat => json!({
                "response_id": self.id, "generation_id": self.id, "text": text, "finish_reason": stop,
            }),
            Kind::Command => json!({
                "id": self.id, "generations": [{"id": self.id, "text": text, "finish_reason": stop}], "prompt": "",
            }),
            _ => self.piece(&text, Some((reply.stop, &reply.usage))),
        }
    }

    fn chunks(&mut self, event: Event) -> Vec<Value> {
        match event {
            Event::Delta(_, Delta::Text(text)) => {
                if self.chat {
                    self.said.push_str(&text);
                    return vec![json!({"event_type": "text-generation", "text": text, "is_finished": false})];
                }
                vec![self.piece(&text, None)]
            }
            Event::Ended(reply) if self.chat => {
                let stop = self.reason(reply.stop);
                let response = json!({"response_id": self.id, "generation_id": self.id, "text": self.said, "finish_reason": stop});
                vec![json!({"event_type": "stream-end", "is_finished": true, "finish_reason": stop, "response": response})]
            }
            Event::Ended(reply) => vec![self.piece("", Some((reply.stop, &reply.usage)))],
            _ => Vec::new(),
        }
    }
}
