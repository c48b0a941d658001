//! Images, documents and films that a message points to (`s3Location`): read from their bucket, so that every provider gets their bytes.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::Kind;
use bedplate_converse::{Block, Media, Request, ResultPart, Source};
use bedplate_wire::Fault;

use super::fault::invalid;
use crate::State;

/// Bytes of one object (the service takes films of 25 MB inside a request; user guide, "Using the Converse API").
const OBJECT_BYTES_MAX: u64 = 25 << 20;
/// Objects of one request (the same page: 20 images, 5 documents).
const OBJECTS_MAX: usize = 32;

/// Puts bytes in the place of addresses. A bucket that is not known here stays an address: real Bedrock, as a provider, reads it itself.
///
/// # Errors
/// `ValidationException` for an object that is not there or too large.
pub(crate) async fn fetch(state: &State, request: &mut Request) -> Result<(), Fault> {
    let Some(objects) = &state.objects else { return Ok(()) };
    let mut left = OBJECTS_MAX;
    for message in &mut request.messages {
        if !message.content.iter().any(points) {
            continue;
        }
        for media in Arc::make_mut(message).content.iter_mut().flat_map(media_of) {
            let Source::S3 { uri, .. } = &media.source else { continue };
            left = left
                .checked_sub(1)
                .ok_or_else(|| invalid(format!("A request may point to {OBJECTS_MAX} objects at most.")))?;
            match (objects.read)(uri.clone(), OBJECT_BYTES_MAX).await {
                Ok(bytes) => media.source = Source::Bytes(STANDARD.encode(bytes).into()),
                Err(error) if error.kind == Kind::NotFound && error.message.starts_with("NoSuchBucket") => {}
                Err(error) => return Err(invalid(format!("The object {uri} cannot be read: {}", error.message))),
            }
        }
    }
    Ok(())
}

fn points(block: &Block) -> bool {
    let far = |media: &Media| matches!(media.source, Source::S3 { .. });
    match block {
        Block::Media(media) => far(media),
        Block::ToolResult { content, .. } => content.iter().any(|part| matches!(part, ResultPart::Media(media) if far(media))),
        _ => false,
    }
}

fn media_of(block: &mut Block) -> Vec<&mut Media> {
    match block {
        Block::Media(media) => vec![media],
        Block::ToolResult { content, .. } => content
            .iter_mut()
            .filter_map(|part| if let ResultPart::Media(media) = part { Some(media) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}
