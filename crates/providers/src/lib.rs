//! Model providers: everything between "the agent wants a model's reply" and a reply or a named failure.
//!
//! On the main path this is the target called "model". It routes a model id by the configuration, speaks to whoever
//! answers, and gives back Converse's shape. It knows no agent, no session and no store, decides nothing about retries of a
//! turn, and never picks a provider because a key happens to be there.

pub mod anthropic;
pub mod bedrock;
mod blocks;
mod calls;
mod client;
mod config;
mod count;
mod embedding;
mod failure;
pub mod frames;
mod gate;
mod media;
mod models;
pub mod openai;
mod protocol;
mod routing;
pub mod script;
mod secret;
mod server;
pub mod sse;
mod trace;

pub use calls::TOOL_CALLS_MAX;
pub use config::{BUILTIN, MaxTokensField, ModelsConfig, Omit, ProviderConfig, ProviderKind, ROUTES_MAX, RouteConfig, TO_MAX};
pub use embedding::Embedded;
pub use failure::{Failure, Fault};
pub use models::{Announce, Models, Planner, Setup};
pub use protocol::Draft;
pub use routing::{Mode, Route, Routes, Unrouted};
pub use server::Server;
pub use trace::traced;
