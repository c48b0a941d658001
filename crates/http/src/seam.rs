//! What passes between listener and doors, until the types of `bedplate-wire` take over.

use std::pin::Pin;

use bedplate_base::Place;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, Method, StatusCode};

/// Why a streamed body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What is known about a request beside its bytes.
#[derive(Clone, Debug)]
pub struct Context {
    /// UUID in lower case.
    pub request_id: String,
    /// Account and region.
    pub place: Place,
    /// Of the signature, when there is one.
    pub access_key: Option<String>,
}

/// One request, whole.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Raw, undecoded.
    pub path: String,
    /// Raw, undecoded, without the question mark; empty when there is none.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Who, where, which.
    pub context: Context,
}

/// One response.
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
}

/// A body, whole or as it comes.
pub enum Body {
    /// Whole.
    Full(Bytes),
    /// As it comes.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>),
}
