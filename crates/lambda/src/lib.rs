//! The Lambda host: functions run as child processes behind the real Lambda Runtime API.
//!
//! [`Host`] holds definitions of functions in memory and invokes them. Each process has a listener of its own on the
//! loopback interface that speaks the Runtime API (`GET …/invocation/next`, `POST …/response`, …), so custom runtimes
//! built for AWS run unchanged; Python and JavaScript handlers run under small bootstraps that are part of this crate, so
//! nothing but the interpreter has to be installed. A function may also be somewhere else: [`Host::map`] sends its invokes to an HTTP address.
//!
//! What this crate refuses to know: agents, state machines and their event shapes; the Lambda *service* API (that is
//! `api-lambda`); where definitions are stored. It keeps unpacked deployment packages on disk ([`Packages`]), nothing
//! else. It runs processes in real time: [`Config::clock`] is the machine's clock even where the server's is turned by
//! hand.

mod callback;
mod compiled;
mod config;
mod environment;
mod family;
mod function;
mod host;
mod interpreter;
mod invocation;
mod isolation;
mod layers;
mod logs;
mod output;
mod package;
mod pool;
mod process;
mod reference;
mod remote;
mod request;
mod runtime_api;
mod signing;
mod spawn;
mod target;

pub use callback::HandlerKey;
pub use config::{FunctionConfig, LocalFunction, Mapping};
pub use family::Alias;
pub use function::{Function, LATEST, Runtime};
pub use host::{Config, Host};
pub use invocation::{FunctionError, Invocation, Kind, Options};
pub use logs::{LogSink, Logs};
pub use package::{InUse, Package, Packages};
pub use pool::RESERVED;
pub use reference::Reference;
pub use remote::{Remote, Way};
pub use signing::Signing;
pub use target::LambdaTarget;

/// Numbers that bound everything this crate holds or waits for.
pub mod limits {
    use std::time::Duration;

    /// Longest request payload of a synchronous invoke: 6 MB (AWS Lambda quotas).
    pub const REQUEST_BYTES_MAX: usize = 6 * 1024 * 1024;
    /// Longest response payload of a synchronous invoke, as AWS's own error message states it: 6 MB and a margin.
    pub const RESPONSE_BYTES_MAX: usize = 6_291_556;
    /// Longest response that is streamed: 200 MB (AWS Lambda quotas).
    pub const STREAM_BYTES_MAX: usize = 200 * 1024 * 1024;
    /// How much of a too long response is read and thrown away before the connection is closed (ours).
    pub const DISCARD_BYTES_MAX: usize = 256 * 1024 * 1024;
    /// Longest client context as JSON text. AWS allows 3,583 bytes of Base64; this leaves room for our own keys.
    pub const CLIENT_CONTEXT_BYTES_MAX: usize = 8 * 1024;
    /// Longest zipped deployment package sent directly: 50 MB (AWS Lambda quotas).
    pub const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;
    /// Longest deployment package unzipped: 250 MB (AWS Lambda quotas).
    pub const UNZIPPED_BYTES_MAX: u64 = 250 * 1024 * 1024;
    /// Most entries of a deployment package (ours; the largest published layers have about 20,000).
    pub const ZIP_ENTRIES_MAX: usize = 50_000;
    /// Most layers of a function: five (AWS Lambda quotas).
    pub const LAYERS_MAX: usize = 5;
    /// Longest time-out of a function: 15 minutes (AWS Lambda quotas).
    pub const TIMEOUT_MAX: Duration = Duration::from_secs(900);
    /// Most bytes of environment variables together: 4 KB (AWS Lambda quotas).
    pub const ENVIRONMENT_BYTES_MAX: usize = 4 * 1024;
    /// Longest function name: 64 characters (AWS Lambda API reference).
    pub const NAME_CHARS_MAX: usize = 64;
    /// Time to load before the first `next`: 10 s on AWS, which then tries again within the function's time-out; here
    /// the longer of the two counts at once.
    pub const INIT_MIN: Duration = Duration::from_secs(10);
    /// Address space for each MB of a Python function's memory, and at least how many MB of it (ours: allocators and
    /// thread stacks reserve several times what is used).
    pub const SPACE_PER_MEMORY: u64 = 4;
    /// See [`SPACE_PER_MEMORY`].
    pub const SPACE_MB_MIN: u64 = 4 * 1024;
    /// Open files of a function: 1,024 (AWS Lambda quotas).
    pub const OPEN_FILES_MAX: u64 = 1024;
    /// Largest file of a function that names no `EphemeralStorage`, in MB (Lambda API reference).
    pub const STORAGE_MB: u32 = 512;
    /// Processes of one function at a time; more invokes wait (ours; AWS: 10 is the reserve of a new account).
    pub const PROCESSES_PER_FUNCTION: usize = 10;
    /// Running invokes of the whole host; more wait (ours).
    pub const RUNNING_MAX: usize = 64;
    /// Idle processes of the whole host; beyond it the one that was used longest ago ends (ours).
    pub const IDLE_MAX: usize = 32;
    /// Invokes waiting for one function, each with its payload in memory; beyond it they are throttled (ours).
    pub const WAITING_MAX: usize = 200;
    /// How long an idle process is kept (ours; AWS keeps them for minutes).
    pub const IDLE_TIME_MAX: Duration = Duration::from_secs(600);
    /// Pause after a connection of a process could not be accepted (ours).
    pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
    /// How often idle processes are looked at.
    pub const SWEEP_EVERY: Duration = Duration::from_secs(30);
    /// Longest log line; the rest becomes a line of its own (256 KB on AWS; ours is shorter).
    pub const LOG_LINE_BYTES_MAX: usize = 16 * 1024;
    /// How much log output an invocation keeps, the newest lines win (AWS returns 4 KB of it).
    pub const LOG_TAIL_BYTES_MAX: usize = 64 * 1024;
    /// How much log output of one invocation is shown in the server's log (ours).
    pub const LOG_SHOWN_BYTES_MAX: usize = 1024 * 1024;
    /// How much is read from a process's output at one go (ours).
    pub const DRAIN_BYTES_MAX: usize = 1024 * 1024;
    /// Connections of one process to its Runtime API (ours; runtimes use one or two).
    pub const CONNECTIONS_MAX: usize = 32;
    /// Stack frames kept of a function's error (ours).
    pub const ERROR_FRAMES_MAX: usize = 100;
}
