//! What is typed: the verbs and their flags.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The verbs that talk to a running server.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Talk to an agent and see its steps
    Chat(Chat),
    /// Send one request and print what comes back
    Invoke(Invoke),
    /// Print the variables that send a shell's AWS calls here, or run one command with them
    Env(Env),
    /// List sessions, or show what happened in one
    Session(Session),
    /// Set the clock of `bedplate dev` forward: `clock advance 3d`
    #[command(hide = true)]
    Clock(ClockArgs),
    /// Say why a request failed, by the id that its error tells
    Why(Why),
    /// Say what model calls used and cost, or what they would
    Cost(Cost),
    /// Print the version of this program and of the server
    #[command(hide = true)]
    Version(Version),
}

/// Which server.
#[derive(Clone, Debug, Default, Args)]
pub struct Server {
    /// The server's address; without it BEDPLATE_URL, else .bedplate/server.json here or in a folder above
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// What results look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs; streams are JSON lines
    Json,
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Yes
    Always,
    /// No
    Never,
}

/// `chat AGENT [TEXT]`.
#[derive(Clone, Debug, Default, Args)]
pub struct Chat {
    /// Name or id of an agent; `NAME@ALIAS` picks an alias by name or id, else it is the newest, else the test alias
    #[arg(value_name = "AGENT[@ALIAS]")]
    pub agent: String,
    /// What to say; without it a conversation begins: one line a turn, /quit or the end of input ends it
    pub text: Option<String>,
    /// Continue this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Confirm every action that the agent asks about
    #[arg(long, conflicts_with = "deny")]
    pub approve: bool,
    /// Decline every action that the agent asks about
    #[arg(long)]
    pub deny: bool,
    /// The result of every action that the agent leaves to the client
    #[arg(long, value_name = "TEXT")]
    pub result: Option<String>,
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Whether to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}

/// `invoke agent/NAME TEXT`.
#[derive(Clone, Debug, Default, Args)]
pub struct Invoke {
    /// What to invoke: `agent/NAME`, `agent/NAME@ALIAS`; ids serve as well as names
    #[arg(value_name = "agent/NAME[@ALIAS]")]
    pub target: String,
    /// What to say; `-` reads it from stdin
    #[arg(required_unless_present = "session_state")]
    pub text: Option<String>,
    /// Continue this session
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// The request's `sessionState`: attributes, or the answer to a returnControl event
    #[arg(long, value_name = "JSON")]
    pub session_state: Option<String>,
    /// End the session with this request
    #[arg(long)]
    pub end_session: bool,
    /// Ask for the answer token by token
    #[arg(long)]
    pub stream: bool,
    /// `json` prints the raw event stream, one line an event, traces included
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}

/// `env` and `env -- CMD`.
#[derive(Clone, Debug, Default, Args)]
pub struct Env {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
    /// Run this command with the variables instead of printing them
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// `clock advance DURATION`.
#[derive(Clone, Debug, Args)]
pub struct ClockArgs {
    #[command(subcommand)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub verb: ClockVerb,
}

/// What to do with the clock.
#[derive(Clone, Debug, Subcommand)]
pub enum ClockVerb {
    /// Set it forward; what waits for that long wakes up
    Advance {
        /// How far: a number and a unit of ms, s, m, h, d
        #[arg(value_parser = duration)]
        by: std::time::Duration,
        /// What results look like
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
        #[command(flatten)]
        #[allow(missing_docs, reason = "its own type says it")]
        server: Server,
    },
}

/// Reads `90s`, `3d`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write a whole number from 1 and a unit of ms, s, m, h, d, such as 61s");
    bedplate_base::parse_duration(text, &["ms", "s", "m", "h", "d"]).ok_or_else(wrong)
}

/// `session list` and `session show`.
#[derive(Clone, Debug, Args)]
pub struct Session {
    #[command(subcommand)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub verb: SessionVerb,
}

/// What to do with sessions.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionVerb {
    /// List sessions, the latest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those of this agent (name or id)
        #[arg(long)]
        agent: Option<String>,
        /// So many at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// What results look like
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
        #[command(flatten)]
        #[allow(missing_docs, reason = "its own type says it")]
        server: Server,
    },
    /// Show what happened in a session
    Show {
        /// The session's id; `AGENT/SESSION` when several agents have one of this id
        #[arg(value_name = "[AGENT/]SESSION")]
        session: String,
        /// The journal's events instead of the steps, as JSON lines
        #[arg(long)]
        raw: bool,
        /// Only the last so many requests
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        turns: u16,
        /// What results look like
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
        /// Whether to use colours
        #[arg(long, value_enum, default_value_t)]
        color: Color,
        #[command(flatten)]
        #[allow(missing_docs, reason = "its own type says it")]
        server: Server,
    },
}

/// `why REQUEST_ID`.
#[derive(Clone, Debug, Default, Args)]
pub struct Why {
    /// The request's id, as errors tell it; SDKs call it RequestId
    pub request_id: String,
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Whether to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}

/// `doctor`.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// The state folder that a server here would use
    #[arg(long, env = "BEDPLATE_STATE", default_value = ".bedplate", value_name = "DIR")]
    pub state: PathBuf,
    /// The configuration; without it bedplate.toml of this folder, when there is one
    #[arg(long, env = "BEDPLATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Whether to use colours
    #[arg(long, value_enum, default_value_t)]
    pub color: Color,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}

/// `cost` and `cost estimate`.
#[derive(Clone, Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Cost {
    #[command(subcommand)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub verb: Option<CostVerb>,
    /// What to sum by
    #[arg(long, value_enum, default_value_t)]
    pub by: By,
    /// Only from this day on (UTC)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<String>,
    /// Only up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<String>,
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}

/// What sums are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Agents
    #[default]
    Agent,
    /// Models
    Model,
    /// Days, in UTC
    Day,
    /// The latest hundred sessions
    Session,
}

impl By {
    /// The admin door's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Day => "day",
            Self::Session => "session",
        }
    }
}

/// What else `cost` does.
#[derive(Clone, Debug, Subcommand)]
pub enum CostVerb {
    /// Compute what tasks would cost, and show how; needs no server
    Estimate(Estimate),
}

/// `cost estimate`.
#[derive(Clone, Debug, Args)]
pub struct Estimate {
    /// How many tasks
    #[arg(long, default_value_t = 1)]
    pub tasks: u64,
    /// Model calls of one task
    #[arg(long, default_value_t = 5)]
    pub steps: u64,
    /// Tokens that one call reads
    #[arg(long = "in", value_name = "TOKENS")]
    pub input: u64,
    /// Tokens that one call writes
    #[arg(long = "out", value_name = "TOKENS")]
    pub output_tokens: u64,
    /// Whose prices: a model of Anthropic, or PROVIDER/MODEL
    #[arg(long, default_value = "claude-sonnet-4-5")]
    pub model: String,
    /// US dollars for a million tokens that are read, instead of a model's
    #[arg(long, value_name = "USD", requires = "price_out", value_parser = price)]
    pub price_in: Option<f64>,
    /// US dollars for a million tokens that are written
    #[arg(long, value_name = "USD", requires = "price_in", value_parser = price)]
    pub price_out: Option<f64>,
    /// Compare with a state machine of so many transitions a task: `sfn:10`
    #[arg(long = "vs", value_name = "sfn:N", value_parser = transitions)]
    pub versus: Option<u64>,
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// Reads `sfn:10`.
fn transitions(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is nothing to compare with: write sfn: and a number of transitions, such as sfn:10");
    text.strip_prefix("sfn:").and_then(|count| count.parse().ok()).ok_or_else(wrong)
}

/// Reads `3` or `0.25`.
fn price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok().filter(|price| (0.0..=1e6).contains(price));
    price.ok_or_else(|| format!("{text:?} is not a price: write US dollars for a million tokens, such as 3 or 0.25"))
}

/// `version`.
#[derive(Clone, Debug, Default, Args)]
pub struct Version {
    /// What results look like
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub server: Server,
}
