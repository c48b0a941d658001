//! AWS's wire: JSON with field paths, restJson1, awsJson and awsQuery bindings, constraints, event-stream frames, routing.
//!
//! Pure: no sockets, no clock, no service by name. The generated `wire-*` crates fill its tables ([`Schema`], [`Operation`], [`Service`]) and
//! implement its traits ([`Json`], [`Bound`], [`Call`], [`Event`]); `http` routes with [`Router`]; an api crate writes one table:
//!
//! ```ignore
//! use bedplate_wire::{Context, Fault, Operation, Streamed};
//! use bedplate_wire_bedrock_agent::{ops, types::{CreateAgentRequest, CreateAgentResponse}};
//!
//! async fn create(state: &State, context: &Context, input: CreateAgentRequest) -> Result<CreateAgentResponse, base::Error> { … }
//! fn to_wire(_: &Operation, error: base::Error) -> Fault { Fault::from_error(error) }
//!
//! bedplate_wire::operations! {
//!     service: "bedrock-agent", state: State, ops: ops, fault: to_wire,
//!     CreateAgent => agents::create,
//!     GetAgent => agents::get,
//! }
//! // gives: pub const BUILT: &[&str];  pub async fn dispatch(&State, Routed, Request) -> Response
//! ```
//!
//! A streaming handler returns `Result<Streamed<InvokeAgentResponse>, Error>`: `Streamed::new(output, stream)` with a stream of the
//! generated union (`ResponseStream::Chunk(…)`, `ResponseStream::DependencyFailedException(…)`), each member a frame. Inputs are validated
//! before the handler sees them; `read_value::<ops::CreateAgent>(&json, strict)` does the same without HTTP. Stored documents are `value.to_json()` and `T::from_json(&value)`. Inside the edge:
//! `router.route_request(&request, signing_name)` gives [`Routed`] (its `service.name` picks the dispatcher) or a [`RouteError`].

mod bind;
mod check;
mod fault;
mod form;
pub mod frame;
mod json;
pub mod limits;
mod operation;
mod request;
mod router;
mod schema;
mod table;
mod xml;

pub use bind::{Reply, query_pairs, read, read_value, validate};
pub use check::{Violations, check};

pub use fault::{COVERAGE_PAGE, Fault, error_response};
pub use form::is_form;
pub use json::{Fields, Json, Object, ReadError, parse, time_to_json};
pub use operation::{Bound, Call, Empty, ErrorShape, Event, Operation, Protocol, Segment, Service};
pub use request::{Body, Context, Request, Response, Streamed};
pub use router::{Hints, RouteError, Routed, Router};
pub use schema::{EMPTY, Kind, Member, Pattern, Place, Schema, TimeFormat};
pub use table::same;

/// JSON, as generated code names it.
pub use serde_json::Value;
