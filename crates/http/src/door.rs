//! The doors behind the listener: AWS's services and our own admin door.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Clock, Place};
use bedplate_wire::{Request, Response, Routed, Router};
use tokio::sync::watch;

use crate::buckets::BucketDoor;
use crate::upstream::Upstream;

/// Answers requests. The future is run to its end even when the client goes away; the body's stream is dropped then.
pub trait Door: Send + Sync {
    /// Answers one request.
    fn call(&self, request: Request) -> BoxFuture<'static, Response>;
}

/// Answers requests to one AWS service, usually with the `dispatch` that `bedplate_wire::operations!` makes.
pub trait ServiceDoor: Send + Sync {
    /// Answers one request.
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response>;
}

/// What stands behind the port.
#[derive(Clone)]
pub struct Doors {
    /// The routes of all services that are known.
    pub router: Arc<Router>,
    /// Those that are built, by the service's name (`bedrock-agent`). The others answer that they are not.
    pub services: BTreeMap<&'static str, Arc<dyn ServiceDoor>>,
    /// The buckets of S3; without them S3 is a service like any other that is not here.
    pub buckets: Option<Arc<dyn BucketDoor>>,
    /// Where requests go to services that have no door here; none refuses them.
    pub upstream: Option<Arc<Upstream>>,
    /// `/_bedplate/*`, for this machine only.
    pub admin: Arc<dyn Door>,
    /// Whether `/healthz` may say so.
    pub ready: watch::Receiver<bool>,
    /// Account of every request, and the region of those whose signature names none.
    pub place: Place,
    /// Says when a request came.
    pub clock: Arc<dyn Clock>,
    /// Whether extensions of ours are off.
    pub strict: bool,
}
