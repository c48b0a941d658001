//! What agent and model providers both speak: Converse-shaped messages, blocks, tools, usage.
//!
//! The JSON forms are those of the Converse API (`toolUse`, `toolResult`, `stopReason`, …), so that a reply can be
//! journaled, traced and parsed by clients without a second format. No HTTP, no provider, no agent is known here.

mod json;
mod message;
mod reply;
mod request;

pub use message::{Block, Message, Role, ToolStatus};
pub use reply::{Reply, StopReason, Usage};
pub use request::{Inference, Request, Tool, ToolChoice};
