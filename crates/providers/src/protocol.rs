//! The seam between what a provider speaks and how it is called: a protocol turns a request into a POST and pieces of the answer into a reply;
//! `server` owns the network.

use std::fmt;

use bedplate_base::BoxFuture;
use bedplate_converse::{Reply, Request, Usage};
use bedplate_journal::Part;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use crate::frames::{Frame, Framing};
use crate::{Failure, Fault};

/// One POST, whole.
pub(crate) struct Post {
    pub(crate) url: Url,
    /// Beside `content-type` and `accept`; secret ones are marked as sensitive.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What a kind of provider speaks. Pure, but for the time of a signature and for credentials.
pub(crate) trait Protocol: fmt::Debug + Send + Sync {
    /// Gets what a POST needs and what takes time, such as credentials.
    fn ready(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    /// The POST for `request`, served by `model`.
    fn post(&self, request: &Request, model: &str) -> Result<Post, Failure>;

    /// The POST that counts the tokens of `request`; none where that cannot be asked.
    fn count(&self, _request: &Request, _model: &str) -> Result<Option<Post>, Failure> {
        Ok(None)
    }

    /// The POST that embeds `texts`.
    fn embed(&self, model: &str, _texts: &[String], _dimensions: Option<u32>) -> Result<Post, Failure> {
        Err(Failure::raw(
            Fault::Validation,
            format!("has no embeddings for {model}; route the model to a provider of kind \"openai\" that serves /embeddings"),
        ))
    }

    /// The reply, empty so far.
    fn draft<'a>(&self, request: &'a Request, model: &'a str) -> Box<dyn Draft + Send + 'a>;

    /// How its streams are framed.
    fn framing(&self) -> Framing;

    /// What an answer other than 2xx means, and what it says.
    fn refusal(&self, status: u16, _headers: &HeaderMap, body: &[u8]) -> (Fault, String) {
        (Fault::of_status(status), said(body))
    }

    /// `text` without what must not be shown.
    fn hide(&self, text: &str) -> String;
}

/// A reply as far as it is known.
pub trait Draft {
    /// Takes a whole reply.
    ///
    /// # Errors
    /// It is none, or says that the call failed.
    fn whole(&mut self, value: &Value, report: &mut dyn FnMut(Part)) -> Result<(), Failure>;

    /// Takes an event of a stream and reports what it adds; true when nothing follows.
    ///
    /// # Errors
    /// It cannot be read, or says that the call failed.
    fn event(&mut self, frame: &Frame, report: &mut dyn FnMut(Part)) -> Result<bool, Failure>;

    /// Whether the model has said why it stopped: what comes then is only token counts.
    fn is_finished(&self) -> bool;

    /// Tokens as far as they are known.
    fn usage(&self) -> Usage;

    /// The reply, complete.
    ///
    /// # Errors
    /// It is empty, or something in it has no meaning.
    fn finish(self: Box<Self>) -> Result<Reply, Failure>;
}

/// The JSON of an event.
pub(crate) fn json_of(frame: &Frame) -> Result<Value, Failure> {
    serde_json::from_slice(&frame.data).map_err(|error| {
        Failure::raw(
            Fault::Malformed,
            format!("an event of the stream is not JSON ({error}): {}", excerpt(&frame.data)),
        )
    })
}

/// The message of an error answer.
pub(crate) fn said(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(value) => message_of(&value).unwrap_or_else(|| excerpt(body)),
        Err(_) => excerpt(body),
    }
}

/// The message of an error answer, in the shapes that servers use.
pub(crate) fn message_of(value: &Value) -> Option<String> {
    let found = [
        &value["error"]["message"],
        &value["error"],
        &value["message"],
        &value["Message"],
        &value["detail"],
        &value["errors"],
    ];
    let found = found.into_iter().find(|found| !found.is_null())?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned)).filter(|text| !text.is_empty())
}

/// The cause is shortened once the key is taken out of it.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Adds the members of `additionalModelRequestFields`; objects that are there already take them in.
pub(crate) fn add_fields(body: &mut Map<String, Value>, fields: &Value) -> Result<(), Failure> {
    match fields {
        Value::Null => Ok(()),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (body.get_mut(name), value) {
                    (Some(Value::Object(there)), Value::Object(more)) => more.iter().for_each(|(name, value)| {
                        there.insert(name.clone(), value.clone());
                    }),
                    _ => drop(body.insert(name.clone(), value.clone())),
                }
            }
            Ok(())
        }
        _ => Err(Failure::raw(
            Fault::Validation,
            "additionalModelRequestFields is not an object of fields for the model's own request",
        )),
    }
}

/// Joins messages of one role that follow one another: one between them may have held nothing that can be sent, and Bedrock wants roles to
/// alternate.
pub(crate) fn alternate(messages: Vec<Value>) -> Value {
    let mut out: Vec<Value> = Vec::with_capacity(messages.len());
    for mut message in messages {
        match out.last_mut().filter(|last| last["role"] == message["role"]) {
            Some(last) => {
                if let (Value::Array(before), Value::Array(content)) = (&mut last["content"], &mut message["content"]) {
                    before.append(content);
                }
            }
            None => out.push(message),
        }
    }
    Value::Array(out)
}

/// `additionalModelResponseFields`: what the paths (JSON Pointers) find in the provider's own reply, at the same places.
pub(crate) fn pick_fields(reply: &Value, paths: &[String]) -> Option<Value> {
    let mut out = Value::Object(Map::new());
    for path in paths {
        let Some(found) = reply.pointer(path).filter(|found| !found.is_null()) else {
            continue;
        };
        let mut at = &mut out;
        for step in path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Value::Object(members) = at else { break };
            at = members.entry(step).or_insert(Value::Null);
        }
        *at = found.clone();
    }
    out.as_object().is_some_and(|members| !members.is_empty()).then_some(out)
}
