//! Images, documents, films and sounds: what a message holds besides text.

use std::sync::Arc;

use bedplate_base::Result;
use serde_json::{Map, Value, json};

use crate::json::{malformed, word};

/// Something that is not text.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// Converse's word: `png`, `pdf`, `mp4`, …; empty for a document whose format is not said.
    pub format: String,
    /// Where its content is.
    pub source: Source,
    /// What only documents have.
    pub document: Option<DocumentFacts>,
}

/// The kinds of media; each is a member of Converse's `ContentBlock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `image`: png, jpeg, gif, webp.
    Image,
    /// `document`: pdf, csv, doc, docx, xls, xlsx, html, txt, md.
    Document,
    /// `video`: mkv, mov, mp4, webm, flv, mpeg, mpg, wmv, three_gp.
    Video,
    /// `audio`: mp3, wav, …
    Audio,
}

/// Where content is.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Here, in base64, the form that every provider's JSON has.
    Bytes(Arc<str>),
    /// In a bucket.
    S3 {
        /// `s3://bucket/key`.
        uri: String,
        /// The bucket's account, should it be another.
        bucket_owner: Option<String>,
    },
    /// A document as one text.
    Text(String),
    /// A document as texts that can be cited one by one.
    Texts(Vec<String>),
}

/// What only documents have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DocumentFacts {
    /// Its name, for the model; 1 to 200 characters.
    pub name: String,
    /// What the model is told about it.
    pub context: Option<String>,
    /// Whether the model is to cite it.
    pub citations: bool,
}

impl MediaKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Image, Self::Document, Self::Video, Self::Audio];

    /// The member's name in a content block.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "document",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

impl Media {
    /// The media type of its bytes: `image/png`, `application/pdf`; a guess from the format, which is all that Converse tells.
    pub fn media_type(&self) -> String {
        let known = match self.format.as_str() {
            "pdf" => "application/pdf",
            "csv" => "text/csv",
            "html" => "text/html",
            "txt" => "text/plain",
            "md" => "text/markdown",
            "doc" => "application/msword",
            "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "xls" => "application/vnd.ms-excel",
            "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "three_gp" => "video/3gpp",
            "mkv" => "video/x-matroska",
            "mov" => "video/quicktime",
            "mp3" => "audio/mpeg",
            format => match self.kind {
                MediaKind::Document => return "application/octet-stream".into(),
                kind => return format!("{}/{format}", kind.as_str()),
            },
        };
        known.into()
    }

    /// `{"image": {…}}`, `{"document": {…}}`, …
    pub fn to_json(&self) -> Value {
        let mut inner = Map::new();
        if !self.format.is_empty() {
            inner.insert("format".into(), json!(self.format));
        }
        if let Some(facts) = &self.document {
            inner.insert("name".into(), json!(facts.name));
        }
        inner.insert("source".into(), self.source.to_json());
        if let Some(facts) = &self.document {
            if let Some(context) = &facts.context {
                inner.insert("context".into(), json!(context));
            }
            if facts.citations {
                inner.insert("citations".into(), json!({"enabled": true}));
            }
        }
        json!({self.kind.as_str(): inner})
    }

    /// Reads `{"image": {…}}` and the like; `None` when `value` is none of them.
    ///
    /// # Errors
    /// `Validation` when it is one but lacks its source, or a document its name.
    pub fn from_json(value: &Value) -> Result<Option<Self>> {
        let Some((kind, inner)) = MediaKind::ALL.into_iter().find_map(|kind| Some((kind, value.get(kind.as_str())?))) else {
            return Ok(None);
        };
        let document = if kind == MediaKind::Document {
            Some(DocumentFacts {
                name: word(inner, "name").ok_or_else(|| malformed("document lacks name"))?,
                context: word(inner, "context"),
                citations: inner["citations"]["enabled"].as_bool().unwrap_or(false),
            })
        } else {
            None
        };
        Ok(Some(Self {
            kind,
            format: word(inner, "format").unwrap_or_default(),
            source: Source::from_json(&inner["source"]).ok_or_else(|| {
                malformed(&format!(
                    "{} has no source that is known (bytes, s3Location, text, content)",
                    kind.as_str()
                ))
            })?,
            document,
        }))
    }
}

impl Source {
    fn to_json(&self) -> Value {
        match self {
            Self::Bytes(base64) => json!({"bytes": base64}),
            Self::S3 { uri, bucket_owner } => {
                let mut location = json!({"uri": uri});
                if let Some(owner) = bucket_owner {
                    location["bucketOwner"] = json!(owner);
                }
                json!({"s3Location": location})
            }
            Self::Text(text) => json!({"text": text}),
            Self::Texts(texts) => json!({"content": texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>()}),
        }
    }

    fn from_json(value: &Value) -> Option<Self> {
        if let Some(bytes) = value["bytes"].as_str() {
            return Some(Self::Bytes(bytes.into()));
        }
        if let Some(uri) = value["s3Location"]["uri"].as_str() {
            return Some(Self::S3 {
                uri: uri.into(),
                bucket_owner: word(&value["s3Location"], "bucketOwner"),
            });
        }
        if let Some(text) = value["text"].as_str() {
            return Some(Self::Text(text.into()));
        }
        let texts = value["content"].as_array()?;
        Some(Self::Texts(texts.iter().filter_map(|part| word(part, "text")).collect()))
    }
}
