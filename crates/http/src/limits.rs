//! Every number that the listener enforces, with where it comes from.

use std::time::Duration;

use bedplate_wire as wire;

/// Connections at once. A new one takes the place of the one that has been silent or idle longest; while all of them are at work it waits. Ours:
/// a thousand clients with room for their pools.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Connections of one address. Ours: three quarters of all, so that nobody alone takes them all.
pub const CONNECTIONS_PER_PEER_MAX: usize = 3_072;
/// Requests that doors work on at once, abandoned ones included; beyond it ThrottlingException. Ours.
pub const REQUESTS_MAX: usize = 4_096;
/// Requests to `/_bedplate/*` at once; beyond it ThrottlingException. Ours: people and their tools, who read whole journals.
pub const ADMIN_MAX: usize = 64;
/// Turns of agents at once, and as many model calls of `bedrock-runtime`. Ours: a turn holds a few hundred KB.
pub const TURNS_MAX: usize = 1_024;
/// Turns that wait for one of those, and model calls likewise; beyond it ThrottlingException. Ours.
pub const TURNS_WAITING_MAX: usize = 1_024;
/// How long they wait before they get ThrottlingException. Ours: well within an SDK's read time-out of a minute.
pub const TURN_WAIT: Duration = Duration::from_secs(10);
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
/// Bytes of all request bodies in memory together, an eighth of it for small ones alone; beyond it ThrottlingException. Ours.
pub const BODIES_BYTES_MAX: usize = 512 << 20;
/// Bytes of all answers together that are made and not sent, because their clients do not read. Beyond it connections are closed, of those that
/// have read nothing for longest. Ours.
pub const ANSWERS_BYTES_MAX: usize = 512 << 20;
/// Bytes a second that a client has to read an answer with, on average, after [`WRITE_STALL_TIME`]. Ours: a slow mobile line.
pub const READ_RATE_MIN: u64 = 16 << 10;
/// Bytes of a refused body that are read and forgotten so that the client can read the answer. Ours.
pub const DRAIN_BYTES_MAX: usize = 64 << 20;
/// How long a client may take for a request's headers, and how long a connection may lie idle. Ours.
pub const HEADER_TIME: Duration = Duration::from_secs(30);
/// How long a body may stand still. Ours.
pub const BODY_IDLE_TIME: Duration = Duration::from_secs(30);
/// Bytes a second that a body has to come with, on average, after [`BODY_IDLE_TIME`]. Ours: a tenth of a slow mobile line.
pub const BODY_RATE_MIN: u64 = 1 << 10;
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

/// Whether `operation` runs a turn, or calls a model.
pub(crate) fn is_turn(operation: &wire::Operation) -> bool {
    matches!(
        (operation.service, operation.name),
        ("bedrock-agent-runtime", "InvokeAgent" | "InvokeInlineAgent" | "InvokeFlow")
            | (
                "bedrock-runtime",
                "Converse" | "ConverseStream" | "InvokeModel" | "InvokeModelWithResponseStream"
            )
    )
}

/// Whether the work of `operation` ends with the client that asked for it: a call of a model without an agent changes nothing here, and a
/// provider takes money for what nobody reads.
pub(crate) fn ends_with_client(operation: &wire::Operation) -> bool {
    operation.service == "bedrock-runtime" && is_turn(operation)
}

/// How large the body of `operation` may be.
pub(crate) fn body_bytes_max(operation: &wire::Operation) -> usize {
    match (operation.service, operation.name) {
        _ if is_turn(operation) => TURN_BYTES_MAX,
        ("lambda", "CreateFunction" | "UpdateFunctionCode" | "PublishLayerVersion") => CODE_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    }
}

/// The limits of one listener; the constants of this module by default, smaller ones in tests.
#[derive(Clone, Debug)]
pub struct Limits {
    /// [`CONNECTIONS_MAX`]
    pub connections_max: usize,
    /// [`CONNECTIONS_PER_PEER_MAX`]
    pub connections_per_peer_max: usize,
    /// [`REQUESTS_MAX`]
    pub requests_max: usize,
    /// [`ADMIN_MAX`]
    pub admin_max: usize,
    /// [`TURNS_MAX`]
    pub turns_max: usize,
    /// [`TURNS_WAITING_MAX`]
    pub turns_waiting_max: usize,
    /// [`TURN_WAIT`]
    pub turn_wait: Duration,
    /// [`STREAMS_MAX`]
    pub streams_max: u32,
    /// [`HEADERS_MAX`]
    pub headers_max: usize,
    /// [`HEADER_BYTES_MAX`], at least 8 KiB
    pub header_bytes_max: usize,
    /// [`BODIES_BYTES_MAX`]
    pub bodies_bytes_max: usize,
    /// [`ANSWERS_BYTES_MAX`]
    pub answers_bytes_max: usize,
    /// [`HEADER_TIME`]
    pub header_time: Duration,
    /// [`BODY_IDLE_TIME`]
    pub body_idle_time: Duration,
    /// [`BODY_RATE_MIN`]
    pub body_rate_min: u64,
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
            connections_per_peer_max: CONNECTIONS_PER_PEER_MAX,
            requests_max: REQUESTS_MAX,
            admin_max: ADMIN_MAX,
            turns_max: TURNS_MAX,
            turns_waiting_max: TURNS_WAITING_MAX,
            turn_wait: TURN_WAIT,
            streams_max: STREAMS_MAX,
            headers_max: HEADERS_MAX,
            header_bytes_max: HEADER_BYTES_MAX,
            bodies_bytes_max: BODIES_BYTES_MAX,
            answers_bytes_max: ANSWERS_BYTES_MAX,
            header_time: HEADER_TIME,
            body_idle_time: BODY_IDLE_TIME,
            body_rate_min: BODY_RATE_MIN,
            body_time: BODY_TIME,
            write_stall_time: WRITE_STALL_TIME,
            upstream_time: UPSTREAM_TIME,
            grace_time: GRACE_TIME,
        }
    }
}
