//! Tokens of model calls, and the reading of a journaled reply.

use bedplate_journal::{Body, Event, Outcome};
use serde::{Deserialize, Serialize};

/// Tokens of some model calls, told apart as providers charge for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tokens {
    /// How many calls.
    pub calls: u64,
    /// Read, without what a cache was concerned with.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Read from the provider's cache.
    pub cache_read: u64,
    /// Written to the provider's cache.
    pub cache_write: u64,
}

impl Tokens {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        add(&mut self.calls, other.calls);
        add(&mut self.input, other.input);
        add(&mut self.output, other.output);
        add(&mut self.cache_read, other.cache_read);
        add(&mut self.cache_write, other.cache_write);
    }
}

/// What is read of a model's reply. All of it is there in a reply and together nowhere else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    usage: Usage,
    #[serde(rename = "stopReason")]
    _stop_reason: String,
    model: String,
    #[serde(default)]
    provider: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
}

/// Provider, model and tokens of the reply that `event` holds, if it holds one. Its values are loaded.
pub(crate) fn reply(event: &Event) -> Option<(String, String, Tokens)> {
    let Body::Answered {
        outcome: Outcome::Success(value),
        ..
    } = &event.body
    else {
        return None;
    };
    let reply: Reply = serde_json::from_str(value.raw().as_str()).ok()?;
    let provider = if reply.provider.is_empty() {
        crate::BUILTIN.to_owned()
    } else {
        reply.provider
    };
    let usage = reply.usage;
    let tokens = Tokens {
        calls: 1,
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: usage.cache_write_input_tokens,
    };
    Some((provider, reply.model, tokens))
}
