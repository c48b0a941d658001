//! Documents that are text are text for every provider; what a provider cannot take is refused in words that say what would be right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_converse::{Media, MediaKind, Source};

use crate::{Failure, Fault};

/// The text of a document that is text, with its name before it; `None` for anything else.
pub(crate) fn text_of(media: &Media) -> Option<String> {
    let text = plain_text(media)?;
    let facts = media.document.as_ref();
    let name = facts.map_or("document", |facts| facts.name.as_str());
    let context = facts
        .and_then(|facts| facts.context.as_deref())
        .map_or_else(String::new, |context| format!("{context}\n"));
    Some(format!("<document name={name:?}>\n{context}{text}\n</document>"))
}

/// The text of a document that is text.
pub(crate) fn plain_text(media: &Media) -> Option<String> {
    if media.kind != MediaKind::Document {
        return None;
    }
    match &media.source {
        Source::Text(text) => Some(text.clone()),
        Source::Texts(texts) => Some(texts.join("\n")),
        Source::Bytes(base64) if matches!(media.format.as_str(), "txt" | "md" | "csv" | "html") => {
            String::from_utf8(STANDARD.decode(base64.as_bytes()).ok()?).ok()
        }
        Source::Bytes(_) | Source::S3 { .. } => None,
    }
}

/// Content that lies in a bucket.
pub(crate) fn elsewhere(media: &Media) -> Failure {
    let kind = media.kind.as_str();
    let what = match &media.source {
        Source::S3 { uri, .. } => format!("the {kind} at {uri} is in a bucket, which this provider cannot read; send its bytes"),
        _ => format!("the {kind} has a source that this provider does not take; send its bytes"),
    };
    Failure::raw(Fault::Validation, what)
}

/// A sort of content that a provider's API has no place for.
pub(crate) fn refused(what: &str, api: &str) -> Failure {
    Failure::raw(
        Fault::Validation,
        format!("cannot be sent {what}: {api} has no place for it; route this model to a provider that takes it"),
    )
}
