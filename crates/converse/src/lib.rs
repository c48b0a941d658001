//! What agent and model providers both speak: Converse-shaped messages, blocks, tools, usage.
//!
//! The JSON forms are those of the Converse API (`toolUse`, `toolResult`, `stopReason`, …), so that a reply can be
//! journaled, traced and parsed by clients without a second format. No HTTP, no provider, no agent is known here.

mod form;
mod json;
mod literal;
mod media;
mod message;
mod plain;
mod reply;
mod request;

pub use literal::push_string;
pub use media::{DocumentFacts, Media, MediaKind, Source};
pub use message::{Block, CachePoint, CacheTtl, Message, ResultPart, Role, ToolStatus};
pub use reply::{Reply, ReplyFacts, StopReason, Usage};
pub use request::{Inference, Options, OutputSchema, Request, SystemBlock, Tool, ToolChoice};
