//! Every number that the listener enforces, with where it comes from.

use std::time::Duration;

use bedplate_wire as wire;

/// Connections at once; beyond it new ones wait in the kernel's backlog. Ours: a thousand clients with room for their pools.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Requests that doors work on at once, abandoned ones included; beyond it 503. Ours.
pub const REQUESTS_MAX: usize = 4_096;
/// Streams at once on one HTTP/2 connection. RFC 9113 5.1.2 recommends no less than 100.
pub const STREAMS_MAX: u32 = 250;
/// Headers of one request. hyper's default; SDKs send fewer than 30.
pub const HEADERS_MAX: usize = 100;
/// Bytes of a request's line and headers together. AWS's load balancers take 64 KB.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Body of an ordinary operation: Lambda's synchronous payload (6 MB) and some slack for JSON around it.
pub const BODY_BYTES_MAX: usize = (6 << 20) + (1 << 20);
/// Body of a turn or a model call: `inputText` has up to 25,000,000 characters (service model), up to 10 MB of session files as base64
/// stand beside it, and every letter may be escaped.
pub const TURN_BYTES_MAX: usize = 64 << 20;
/// Body of a form: operations of IAM and STS.
pub const FORM_BYTES_MAX: usize = wire::limits::FORM_BYTES_MAX;
/// Body of CreateFunction and UpdateFunctionCode: AWS takes 50 MB zipped, a third more as base64.
pub const CODE_BYTES_MAX: usize = wire::limits::BODY_BYTES_MAX;
/// Bytes of all request bodies in memory together; beyond it 503. Ours.
pub const BODIES_BYTES_MAX: usize = 512 << 20;
/// Bytes of a refused body that are read and forgotten so that the client can read the answer. Ours.
pub const DRAIN_BYTES_MAX: usize = 64 << 20;
/// How long a client may take for a request's headers, and how long a connection may lie idle. Ours.
pub const HEADER_TIME: Duration = Duration::from_secs(30);
/// How long a body may stand still. Ours.
pub const BODY_IDLE_TIME: Duration = Duration::from_secs(30);
/// How long a whole body may take. Ours: 70 MB at 250 KB a second.
pub const BODY_TIME: Duration = Duration::from_secs(300);
/// How long a client may not read while we have something to send. Ours.
pub const WRITE_STALL_TIME: Duration = Duration::from_secs(60);
/// How long a refused body is drained. Ours.
pub const DRAIN_TIME: Duration = Duration::from_secs(5);
/// How long running requests may go on after a shutdown was asked for: inside the 30 s of container runtimes.
pub const GRACE_TIME: Duration = Duration::from_secs(25);
/// How long the upstream may take for a connection. Ours.
pub const UPSTREAM_CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long the upstream may take for the head of an answer, and how long its body may stand still. Ours: twice the patience of SDKs, which is
/// a minute.
pub const UPSTREAM_TIME: Duration = Duration::from_secs(120);
/// Connections to the upstream that wait for the next request. Ours.
pub const UPSTREAM_IDLE_MAX: usize = 64;
/// Body of a request that is sent on. SDKs cut uploads to S3 into parts of 5 to 16 MB. Ours.
pub const UPSTREAM_BYTES_MAX: usize = wire::limits::BODY_BYTES_MAX;

/// How large the body of `operation` may be.
pub(crate) fn body_bytes_max(operation: &wire::Operation) -> usize {
    match (operation.service, operation.name) {
        ("bedrock-agent-runtime", "InvokeAgent" | "InvokeInlineAgent" | "InvokeFlow") => TURN_BYTES_MAX,
        ("bedrock-runtime", "Converse" | "ConverseStream" | "InvokeModel" | "InvokeModelWithResponseStream") => TURN_BYTES_MAX,
        ("lambda", "CreateFunction" | "UpdateFunctionCode" | "PublishLayerVersion") => CODE_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    }
}

/// The limits of one listener; the constants of this module by default, smaller ones in tests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// [`CONNECTIONS_MAX`]
    pub connections_max: usize,
    /// [`REQUESTS_MAX`]
    pub requests_max: usize,
    /// [`STREAMS_MAX`]
    pub streams_max: u32,
    /// [`HEADERS_MAX`]
    pub headers_max: usize,
    /// [`HEADER_BYTES_MAX`], at least 8 KiB
    pub header_bytes_max: usize,
    /// [`BODIES_BYTES_MAX`]
    pub bodies_bytes_max: usize,
    /// [`HEADER_TIME`]
    pub header_time: Duration,
    /// [`BODY_IDLE_TIME`]
    pub body_idle_time: Duration,
    /// [`BODY_TIME`]
    pub body_time: Duration,
    /// [`WRITE_STALL_TIME`]
    pub write_stall_time: Duration,
    /// [`UPSTREAM_TIME`]
    pub upstream_time: Duration,
    /// [`GRACE_TIME`]
    pub grace_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            requests_max: REQUESTS_MAX,
            streams_max: STREAMS_MAX,
            headers_max: HEADERS_MAX,
            header_bytes_max: HEADER_BYTES_MAX,
            bodies_bytes_max: BODIES_BYTES_MAX,
            header_time: HEADER_TIME,
            body_idle_time: BODY_IDLE_TIME,
            body_time: BODY_TIME,
            write_stall_time: WRITE_STALL_TIME,
            upstream_time: UPSTREAM_TIME,
            grace_time: GRACE_TIME,
        }
    }
}
