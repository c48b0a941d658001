//! The command line of `dev` and `serve`. Each flag has a variable `BEDPLATE_…`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// Verbs that few people type, so that the list shows twelve at most.
const MORE: &str = "\
More:
  clock advance  Set the clock of `bedplate dev` forward, in tests
  cost           Say what model calls used and cost, or what they would
  completions    Print completions for bash, zsh, fish and others
  man            Write the manual pages to a folder
  version        Print the version of this program and of the server";

/// The Amazon Bedrock Agents API on your own machine: agents that really run, durably.
#[derive(Debug, Parser)]
#[command(name = "bedplate", version, max_term_width = 110, after_help = MORE)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves a template for development: applies it, watches it, talks to it
    Dev(Dev),
    /// Serves for production: no template, no offline model unless a route names it
    Serve(Serve),
    #[command(flatten)]
    Client(bedplate_cli::Verb),
    /// Looks at what a run depends on: server, Python, disk, variables, configuration, providers
    Doctor(bedplate_cli::Doctor),
    /// Checks the configuration without starting anything
    Config {
        /// What to do with it.
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Writes the state folder to one file, also while a server runs
    Backup(Backup),
    /// Makes a new state folder of such a file
    Restore(Restore),
    /// Prints completions for a shell: `source <(bedplate completions bash)`
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Writes the manual pages to a folder: bedplate.1 and one for each verb
    #[command(hide = true)]
    Man {
        /// The folder; it is made when it is missing
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Reads it and says what it comes to, or what is wrong with it
    Check {
        /// The configuration; without it bedplate.toml of this folder
        #[arg(long, env = "BEDPLATE_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Flags of `backup`.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Backup {
    /// The file to write, a tar archive; `-` writes it to standard output
    pub(crate) file: PathBuf,
    /// The state folder
    #[arg(long, env = "BEDPLATE_STATE", default_value = ".bedplate", value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// The configuration to take along; without it bedplate.toml of this folder, when there is one
    #[arg(long, env = "BEDPLATE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Flags of `restore`.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Restore {
    /// What `bedplate backup` wrote; `-` reads it from standard input
    pub(crate) file: PathBuf,
    /// The state folder to make; it must be missing or empty
    #[arg(long, env = "BEDPLATE_STATE", default_value = ".bedplate", value_name = "DIR")]
    pub(crate) state: PathBuf,
}

/// Flags of `dev`.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Dev {
    /// The CloudFormation or SAM template; without it template.yaml, template.yml or template.json of this folder
    #[arg(conflicts_with = "example")]
    pub(crate) template: Option<PathBuf>,
    /// Starts an example and plays its first conversation: tennis, orders or retailer; tennis-a, tennis-e and retailer-orchestrator
    /// do without an agent
    #[arg(long, value_name = "NAME")]
    pub(crate) example: Option<String>,
    /// Does not play the example's first conversation
    #[arg(long)]
    pub(crate) no_play: bool,
    /// Flags shared with `serve`.
    #[command(flatten)]
    pub(crate) server: Serve,
}

/// Flags of `serve`, shared by `dev`.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Serve {
    /// The address to listen on
    #[arg(long, env = "BEDPLATE_HOST", default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(crate) host: IpAddr,
    /// The port to listen on; 0 picks a free one and prints it
    #[arg(long, env = "BEDPLATE_PORT", default_value_t = 7780)]
    pub(crate) port: u16,
    /// The folder that keeps everything between runs
    #[arg(long, env = "BEDPLATE_STATE", default_value = ".bedplate", value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// The configuration; without it bedplate.toml of this folder, when there is one
    #[arg(long, env = "BEDPLATE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where requests to AWS services that are not served here go
    #[arg(long, env = "BEDPLATE_UPSTREAM", value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Keeps nothing: all state is gone when the server ends
    #[arg(long, env = "BEDPLATE_EPHEMERAL", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) ephemeral: bool,
    /// Listens on an address that other machines can reach although no keys are configured: whoever reaches it can run programs here
    #[arg(long, env = "BEDPLATE_WITHOUT_KEYS", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) without_keys: bool,
    /// AWS's limits, states and refusals exactly, without our extensions
    #[arg(long, env = "BEDPLATE_STRICT", value_parser = clap::builder::FalseyValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub(crate) strict: bool,
    /// What the log on standard error looks like: `human` in dev, `json` in serve by default
    #[arg(long, env = "BEDPLATE_LOG_FORMAT", value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Human,
    /// A JSON object a line
    Json,
}
