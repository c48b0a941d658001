//! One record: what is left out of it, and what is made unreadable.

use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_converse::{Reply, Request, SystemBlock, Usage};
use bedplate_wire::{Context, Value};
use bedplate_wire_bedrock::types::LoggingConfig;
use serde_json::{Map, json};

use super::{Line, Log};

/// Bytes of a body in a record (user guide: up to 100 KB stand in a record; larger ones go to a bucket there). Ours is larger, as there is none.
const BODY_BYTES_MAX: usize = 1 << 20;
/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// A call that will be logged.
pub(crate) struct Draft {
    config: Arc<LoggingConfig>,
    account: String,
    region: String,
    request_id: String,
    at: Timestamp,
    operation: &'static str,
    model: String,
    metadata: Value,
    /// Who called, where that is known.
    caller: Option<String>,
    embedding: bool,
    input: Value,
}

impl Log {
    /// The record of a call that begins, when calls of its place are logged. `input` is only made then.
    pub(crate) fn draft(
        &self,
        context: &Context,
        operation: &'static str,
        model: &str,
        input: impl FnOnce() -> (Value, Value),
    ) -> Option<Draft> {
        let config = self.config(&context.place)?;
        let (input, metadata) = input();
        Some(Draft {
            config,
            account: context.place.account.clone(),
            region: context.place.region.clone(),
            request_id: context.request_id.clone(),
            at: context.received_at,
            operation,
            model: model.to_owned(),
            metadata,
            caller: context.access_key.clone(),
            embedding: false,
            input,
        })
    }

    /// Writes the record of a call that is over: what it gave, or the exception that it ended with.
    pub(crate) fn finish(&self, draft: Draft, outcome: Result<(Value, Usage), &str>) {
        let (region, at, uri) = (draft.region.clone(), draft.at, draft.uri());
        let record = draft.record(outcome, &|text| self.redacted(text));
        self.write(Line {
            region,
            at,
            text: format!("{record}\n"),
            uri,
        });
    }

    fn redacted(&self, text: &mut String) {
        for wanted in &self.settings.redact {
            if wanted.is_match(text) {
                *text = wanted.replace_all(text, REDACTED).into_owned();
            }
        }
    }
}

impl Draft {
    /// A call for embeddings: its bodies have a switch of their own.
    pub(crate) fn embedding(mut self) -> Self {
        self.embedding = true;
        self
    }

    /// Where the service would put it, one object for a record ("Amazon S3" of the same page).
    fn uri(&self) -> Option<String> {
        let config = self.config.s3_config.as_ref()?;
        let at = self.at.iso();
        let (day, hour) = (at.get(..10)?.replace('-', "/"), at.get(11..13)?);
        let prefix = config.key_prefix.as_deref().unwrap_or_default().trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let stamp: String = at.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(format!(
            "s3://{}/{prefix}AWSLogs/{}/BedrockModelInvocationLogs/{}/{day}/{hour}/{stamp}_{}.json",
            config.bucket_name, self.account, self.region, self.request_id
        ))
    }

    fn record(self, outcome: Result<(Value, Usage), &str>, redact: &dyn Fn(&mut String)) -> Value {
        let config = &self.config;
        let wanted = |switch: Option<bool>| switch != Some(false);
        let bodies = wanted(if self.embedding {
            config.embedding_data_delivery_enabled
        } else {
            config.text_data_delivery_enabled
        });
        let keep = Keep {
            images: wanted(config.image_data_delivery_enabled),
            videos: wanted(config.video_data_delivery_enabled),
            sounds: wanted(config.audio_data_delivery_enabled),
            redact,
        };
        let body = |value: Value| {
            if !bodies {
                return Value::Null;
            }
            let value = keep.clean(value, true);
            let bytes = value.to_string().len();
            if bytes > BODY_BYTES_MAX {
                return json!(format!("[left out: {bytes} bytes]"));
            }
            value
        };
        let mut record = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                record.insert(key.to_owned(), value);
            }
        };
        put("schemaType", json!("ModelInvocationLog"));
        put("schemaVersion", json!("1.0"));
        put("timestamp", json!(self.at.iso()));
        put("accountId", json!(self.account));
        put("identity", self.caller.map_or(Value::Null, |caller| json!({"accessKeyId": caller})));
        put("region", json!(self.region));
        put("requestId", json!(self.request_id));
        put("operation", json!(self.operation));
        put("modelId", json!(self.model));
        put("requestMetadata", keep.clean(self.metadata, true));
        let mut input = json!({"inputContentType": "application/json"});
        match body(self.input) {
            Value::Null => {}
            body => input["inputBodyJson"] = body,
        }
        match outcome {
            Ok((given, usage)) => {
                input["inputTokenCount"] = json!(usage.uncached_input_tokens());
                let mut output = json!({"outputContentType": "application/json", "outputTokenCount": usage.output_tokens});
                match body(given) {
                    Value::Null => {}
                    body => output["outputBodyJson"] = body,
                }
                put("input", input);
                put("output", output);
            }
            Err(code) => {
                put("input", input);
                put("errorCode", json!(code));
            }
        }
        Value::Object(record)
    }
}

/// What may stay in a body.
struct Keep<'a> {
    images: bool,
    videos: bool,
    sounds: bool,
    redact: &'a dyn Fn(&mut String),
}

impl Keep<'_> {
    /// `here` is false inside media that must not stay.
    fn clean(&self, value: Value, here: bool) -> Value {
        match value {
            Value::String(mut text) => {
                (self.redact)(&mut text);
                Value::String(text)
            }
            Value::Array(items) => items.into_iter().map(|item| self.clean(item, here)).collect(),
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| {
                        let stays = match key.as_str() {
                            "image" => self.images,
                            "video" => self.videos,
                            "audio" => self.sounds,
                            // Anthropic's own form says what it is beside the data.
                            "source" if value["media_type"].as_str().is_some_and(|kind| kind.starts_with("image/")) => self.images,
                            _ => here,
                        };
                        let value = match value {
                            Value::String(bytes) if !stays && matches!(key.as_str(), "bytes" | "data") => {
                                json!(format!("[left out: {} letters of base64]", bytes.len()))
                            }
                            value => self.clean(value, stays),
                        };
                        (key, value)
                    })
                    .collect(),
            ),
            other => other,
        }
    }
}

/// A request in Converse's form, with its metadata.
pub(crate) fn converse_input(request: &Request) -> (Value, Value) {
    let mut body = json!({
        "messages": request.messages.iter().map(|message| message.to_json()).collect::<Vec<_>>(),
    });
    if !request.system.is_empty() {
        body["system"] = request.system.iter().map(SystemBlock::to_json).collect();
    }
    if !request.tools.is_empty() {
        body["toolConfig"] = json!({"tools": request.tools.iter().map(|tool| tool.to_json()).collect::<Vec<_>>()});
    }
    let inference = &request.inference;
    let mut config = Map::new();
    let numbers = [
        ("maxTokens", inference.max_tokens.map(Value::from)),
        ("temperature", inference.temperature.map(Value::from)),
        ("topP", inference.top_p.map(Value::from)),
    ];
    numbers
        .into_iter()
        .filter_map(|(key, number)| Some((key, number?)))
        .for_each(|(key, number)| drop(config.insert(key.to_owned(), number)));
    if !inference.stop_sequences.is_empty() {
        config.insert("stopSequences".into(), json!(inference.stop_sequences));
    }
    if !config.is_empty() {
        body["inferenceConfig"] = Value::Object(config);
    }
    if let Some(fields) = &request.options.additional_fields {
        body["additionalModelRequestFields"] = fields.clone();
    }
    let metadata = match request.options.metadata.is_empty() {
        true => Value::Null,
        false => json!(request.options.metadata),
    };
    (body, metadata)
}

/// A reply in Converse's form, without what is ours.
pub(crate) fn converse_output(reply: &Reply) -> (Value, Usage) {
    let mut body = reply.to_json();
    if let Some(members) = body.as_object_mut() {
        members.shift_remove("model");
        members.shift_remove("provider");
    }
    (body, reply.usage)
}
