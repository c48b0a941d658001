//! The binary: configuration, wiring, `dev` and `serve`; every other verb is a client and lives in `cli`.

// The binary is the edge where time, variables, tasks and exit codes come from.
#![allow(clippy::disallowed_methods)]

mod app;
mod apply;
mod args;
mod backup;
mod buckets;
mod checked;
mod clock;
mod config;
mod cost;
mod dev;
mod doctor;
#[cfg(test)]
mod documented;
mod examples;
mod functions;
#[cfg(test)]
mod fuzz;
mod limits;
mod manual;
mod retention;
mod screen;
mod script;
mod serve;
mod supervisor;
mod telemetry;
mod watch;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

/// See docs/performance.md for what it saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bedplate: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(args));
    // A blocking read of the terminal must not keep the process alive.
    runtime.shutdown_background();
    code
}

async fn run(args: args::Args) -> ExitCode {
    let result = match args.verb {
        args::Verb::Dev(args) => dev::run(args).await,
        args::Verb::Serve(args) => serve::run(args).await,
        args::Verb::Config {
            verb: args::ConfigVerb::Check { config },
        } => check(config.as_deref()),
        args::Verb::Backup(args) => backup::backup(&args),
        args::Verb::Restore(args) => backup::restore(&args),
        args::Verb::Man { folder } => manual::write(&folder, args::Args::command()),
        args::Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut args::Args::command(), "bedplate", &mut std::io::stdout());
            Ok(())
        }
        args::Verb::Doctor(args) => return doctor::run(args).await.into(),
        args::Verb::Client(verb) => return bedplate_cli::run(verb, &mut bedplate_cli::Terminal::system()).await.into(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bedplate: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// `config check`: what the server would make of the configuration.
fn check(given: Option<&Path>) -> Result<(), String> {
    let config = config::Config::read(given, Path::new("."))?;
    let mistakes: Vec<String> = checked::parts(&config).into_iter().filter_map(|part| part.mistake).collect();
    if !mistakes.is_empty() {
        return Err(mistakes.join("\nbedplate: "));
    }
    match &config.file {
        None => println!("there is no bedplate.toml here; the defaults hold"),
        Some(file) => println!(
            "{}: good; {} routes, account {}, region {}",
            file.display(),
            config.models.routes.len(),
            config.place.account,
            config.place.region
        ),
    }
    Ok(())
}
