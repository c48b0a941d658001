//! Values: JSON text, byte for byte, inline or by content address.

use std::fmt;
use std::sync::Arc;

use bedplate_base::{Hash, sha256};

/// JSON text that is kept byte for byte and shared, never parsed by the engine.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Raw(Arc<str>);

impl Raw {
    /// Takes JSON text; the caller vouches that it is JSON.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text of a JSON value.
    pub fn json(value: &serde_json::Value) -> Self {
        Self(serde_json::to_string(value).expect("invariant: a JSON value has a text").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the text; null when it is not JSON.
    pub fn parse(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

/// A value in an event: small ones inline, large ones (and programs) as blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// In the event itself.
    Inline(Raw),
    /// In the blob table, by content address.
    Blob(Blob),
}

/// A reference to a blob. The engine loads the text before a decider sees the event.
#[derive(Clone, Debug)]
pub struct Blob {
    /// SHA-256 of the text.
    pub hash: Hash,
    /// The text; absent only between decoding and hydration.
    pub raw: Option<Raw>,
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Blob {}

impl Value {
    /// Values longer than this (bytes) go to blobs.
    pub const INLINE_BYTES_MAX: usize = 8 * 1024;

    /// An inline value; the engine moves it to a blob when it is long.
    pub fn inline(raw: Raw) -> Self {
        Self::Inline(raw)
    }

    /// A value that is stored by content address whatever its size: programs.
    pub fn blob(raw: Raw) -> Self {
        Self::Blob(Blob {
            hash: sha256(raw.as_str().as_bytes()),
            raw: Some(raw),
        })
    }

    /// The text.
    ///
    /// # Panics
    /// When a blob was not hydrated: the engine does that before anyone looks.
    pub fn raw(&self) -> &Raw {
        match self {
            Self::Inline(raw) => raw,
            Self::Blob(blob) => blob
                .raw
                .as_ref()
                .expect("invariant: the engine hydrates events before they are applied"),
        }
    }
}
