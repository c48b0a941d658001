//! What an invoke asks for, checked: everything in it can be sent.

use bedplate_base::{Error, Result};
use bytes::Bytes;

use crate::invocation::Options;
use crate::limits;
use crate::runtime_api::Work;

/// A checked request: everything in it can be sent.
pub(crate) struct Request {
    pub(crate) id: String,
    /// As the handler sees it.
    pub(crate) arn: String,
    trace_id: String,
    /// ASCII on one line.
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
    pub(crate) options: Options,
}

impl Request {
    pub(crate) fn new(payload: Bytes, mut options: Options) -> Result<Self> {
        if payload.len() > limits::REQUEST_BYTES_MAX {
            let message = format!(
                "Request must be smaller than {} bytes for the InvokeFunction operation",
                limits::REQUEST_BYTES_MAX
            );
            return Err(Error::validation(message).with_field("payload", "too long"));
        }
        let token = |text: &str, max: usize| {
            !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        };
        let id = options.request_id.take().unwrap_or_else(bedplate_base::random_uuid);
        if !token(&id, 128) {
            return Err(Error::validation(
                "The request id must be 1 to 128 visible ASCII characters without `/`",
            ));
        }
        let trace_id = options.trace_id.take().unwrap_or_else(|| {
            let digits = bedplate_base::random_uuid().replace('-', "");
            format!("Root=1-{}-{};Parent={};Sampled=0", &digits[..8], &digits[8..], &digits[16..])
        });
        if !token(&trace_id, 512) {
            return Err(Error::validation("The trace id must be 1 to 512 visible ASCII characters"));
        }
        if options
            .idempotency_key
            .as_deref()
            .is_some_and(|key| !token(&key.replace('/', "-"), 512))
        {
            return Err(Error::validation("The idempotency key must be 1 to 512 visible ASCII characters"));
        }
        let client_context = options.client_context.take().map(|text| header_json(&text)).transpose()?;
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        Ok(Self {
            id,
            arn: String::new(),
            trace_id,
            client_context,
            payload,
            options,
        })
    }

    pub(crate) fn work(&self, deadline_ms: i64) -> Work {
        Work {
            request_id: self.id.clone(),
            deadline_ms,
            arn: self.arn.clone(),
            trace_id: self.trace_id.clone(),
            client_context: self.client_context.clone(),
            payload: self.payload.clone(),
            stream: self.options.stream.clone(),
        }
    }
}

/// A JSON document in a form that a header carries: ASCII on one line. Outside ASCII only strings have anything, so
/// escapes keep the meaning.
fn header_json(text: &str) -> Result<String> {
    if text.len() > limits::CLIENT_CONTEXT_BYTES_MAX {
        return Err(Error::validation(format!(
            "The client context must have at most {} bytes",
            limits::CLIENT_CONTEXT_BYTES_MAX
        )));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(Error::validation(format!("The client context must be JSON: {error}")));
    }
    let mut ascii = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            ' '..='~' => ascii.push(c),
            '\u{0}'..='\u{1f}' => ascii.push(' '),
            _ => c
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Ok(ascii)
}
