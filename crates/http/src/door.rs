//! The doors behind the listener: AWS's services and our own admin door.

use std::sync::Arc;

use bedplate_base::{BoxFuture, Place};
use http::{HeaderMap, Method};
use tokio::sync::watch;

use crate::refusal::Refusal;
use crate::seam::{Request, Response};
use crate::sigv4::Scope;

/// Answers requests. The future is run to its end even when the client goes away; the body's stream is dropped then.
pub trait Door: Send + Sync {
    /// Answers one request.
    fn call(&self, request: Request) -> BoxFuture<'static, Response>;
}

/// What is known of a request before its body is read.
#[derive(Debug)]
pub struct Head<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Raw path.
    pub path: &'a str,
    /// Raw query.
    pub query: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The scope of its signature.
    pub scope: Option<&'a Scope>,
}

/// Where a request goes.
pub struct Route {
    /// Who answers.
    pub door: Arc<dyn Door>,
    /// For the log: `bedrock-agent:CreateAgent`.
    pub operation: String,
    /// Body size that is accepted.
    pub body_bytes_max: usize,
}

/// Finds the door of a request to an AWS service.
pub trait Routing: Send + Sync {
    /// The door, or why there is none.
    fn route(&self, head: &Head<'_>) -> Result<Route, Refusal>;
}

/// What stands behind the port.
#[derive(Clone)]
pub struct Doors {
    /// AWS's services.
    pub services: Arc<dyn Routing>,
    /// `/_bedplate/*`, for this machine only.
    pub admin: Arc<dyn Door>,
    /// Whether `/healthz` may say so.
    pub ready: watch::Receiver<bool>,
    /// Account of every request, and the region of those whose signature names none.
    pub place: Place,
}
