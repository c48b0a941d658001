//! `cargo xtask test` and its parts: everything that has to hold, in one command that needs the Rust toolchain and python3 only.
//!
//! Each step is a command of cargo's, a check of this crate, or the Python clients of `e2e/` against the release binary. The first
//! step that fails ends it; the time of every step is told at the end.

// xtask runs on developers' machines: it may read their environment and their clock.
#![allow(clippy::disallowed_methods)]

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, deny, dist, layers, root, tidy};

/// A step: its name for people, and what it does.
type Step = (&'static str, fn() -> Outcome);

/// All that has to hold, cheap things first.
const STEPS: &[Step] = &[
    ("format", || cargo_run(&["fmt", "--all", "--check"])),
    ("layers", || check(layers::problems(&root())?)),
    ("tidy", || {
        let report = tidy::report(&root())?;
        report.warnings.iter().for_each(|warning| eprintln!("  warning: {warning}"));
        check(report.problems)
    }),
    ("dependencies", || check(deny::problems(&root())?)),
    ("generated code", || myself(&["codegen", "--check"])),
    ("lints", || {
        cargo_run(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    }),
    ("coverage table", || myself(&["coverage", "--check"])),
    ("tables of fields", || myself(&["fields", "--check"])),
    ("table of licences", || myself(&["licences", "--check"])),
    ("tests in Rust", rust_tests),
    ("release build", release),
    ("release archive", dist::step),
    ("tests in Python", || pytest(&[])),
];

/// Everything that has to hold.
pub(crate) fn test(_: &[String]) -> Outcome {
    run(STEPS)
}

/// Edges of the graph only.
pub(crate) fn layers(_: &[String]) -> Outcome {
    check(layers::problems(&root())?)
}

/// What the compiler does not see.
pub(crate) fn tidy(_: &[String]) -> Outcome {
    run(&STEPS[1..5])
}

/// Bans, sources, licences only.
pub(crate) fn deny(_: &[String]) -> Outcome {
    check(deny::problems(&root())?)
}

/// Types and lints of one's own change, in seconds.
pub(crate) fn check_types(args: &[String]) -> Outcome {
    let scope: Vec<&str> = if args.is_empty() {
        vec!["--workspace"]
    } else {
        args.iter().flat_map(|name| ["-p", name.as_str()]).collect()
    };
    cargo_run(&[&["check", "--all-targets"], scope.as_slice()].concat())
}

/// Formats and applies what clippy knows how to mend.
pub(crate) fn fix(_: &[String]) -> Outcome {
    cargo_run(&["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"])?;
    cargo_run(&["fmt", "--all"])
}

/// The tests whose names speak of simulation, with one seed in `BEDPLATE_SIM_SEED`; the same seed gives the same run.
pub(crate) fn sim(args: &[String]) -> Outcome {
    let seed = match args {
        [seed] => seed
            .parse::<u64>()
            .map_err(|_| format!("{seed:?} is not a seed; a seed is a whole number, such as 42"))?,
        _ => return Err("usage: cargo xtask sim SEED (a whole number, such as 42)".to_owned()),
    };
    let mut command = cargo_command(&["test", "--workspace", "--lib", "--tests", "--", "--nocapture", "simulat"]);
    command.env("BEDPLATE_SIM_SEED", seed.to_string());
    finish(command)
}

/// The Python clients only; arguments go to pytest.
pub(crate) fn e2e(args: &[String]) -> Outcome {
    release()?;
    pytest(args)
}

fn run(steps: &[Step]) -> Outcome {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (number, (name, step)) in steps.iter().enumerate() {
        eprintln!("\n[{}/{}] {name}", number + 1, steps.len());
        let started = Instant::now();
        let outcome = step();
        times.push((name, started.elapsed()));
        if let Err(error) = outcome {
            tell(&times);
            return Err(format!("step {name:?} failed: {error}"));
        }
    }
    tell(&times);
    eprintln!("all {} steps passed", steps.len());
    Ok(())
}

fn tell(times: &[(&str, Duration)]) {
    eprintln!();
    times
        .iter()
        .for_each(|(name, time)| eprintln!("{name:>16} {:>7.1} s", time.as_secs_f64()));
    let sum: Duration = times.iter().map(|(_, time)| *time).sum();
    eprintln!("{:>16} {:>7.1} s", "together", sum.as_secs_f64());
}

/// nextest where it is installed, else cargo's own runner.
fn rust_tests() -> Outcome {
    let quiet = |command: &mut Command| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    match quiet(&mut cargo_command(&["nextest", "--version"])) {
        true => cargo_run(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]),
        false => cargo_run(&["test", "--workspace", "--locked", "--no-fail-fast"]),
    }
}

pub(crate) fn release() -> Outcome {
    cargo_run(&["build", "--release", "--locked", "--package", "bedplate"])
}

/// Runs `e2e/` and the tests of the examples in an environment of its own under the target folder.
fn pytest(args: &[String]) -> Outcome {
    let python = environment(&target().join("e2e-venv"), "e2e/requirements.txt")?;
    environment(&target().join("e2e-clients/aws"), "e2e/clients/aws/requirements.txt")?;
    node_modules(&target().join("e2e-clients/js"), "e2e/clients/js")?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-q", "e2e", "examples"])
        .args(args)
        .current_dir(root());
    command.env("BEDPLATE_BIN", target().join("release").join("bedplate"));
    finish(command)
}

/// The interpreter of the environment in `folder`, made and filled when the file of requirements has changed.
fn environment(folder: &Path, requirements: &str) -> Result<PathBuf, String> {
    let wanted = crate::read(&root().join(requirements))?;
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if fs::read_to_string(&stamp).is_ok_and(|filled| filled == wanted) && python.is_file() {
        return Ok(python);
    }
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(folder);
    finish(command)
        .map_err(|error| format!("{error}\npython3 with its venv module is needed (Debian and Ubuntu: package python3-venv)"))?;
    let mut command = Command::new(&python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements])
        .current_dir(root());
    finish(command)?;
    crate::write(&stamp, &wanted)?;
    Ok(python)
}

/// Fills `folder` with what the lock file in `source` names, when that has changed. Without Node.js nothing is installed, and its tests are skipped.
fn node_modules(folder: &Path, source: &str) -> Outcome {
    let wanted = crate::read(&root().join(source).join("package-lock.json"))?;
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|filled| filled == wanted) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    if !npm
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("npm is not installed: the tests of the SDK for JavaScript are skipped");
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        crate::write(&folder.join(file), &crate::read(&root().join(source).join(file))?)?;
    }
    let mut command = Command::new("npm");
    command
        .args(["ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder);
    finish(command)?;
    crate::write(&stamp, &wanted)
}

fn check(problems: Vec<String>) -> Outcome {
    problems.iter().for_each(|problem| eprintln!("  {problem}"));
    match problems.len() {
        0 => Ok(()),
        1 => Err("1 problem".to_owned()),
        many => Err(format!("{many} problems")),
    }
}

/// Another verb of this program.
fn myself(args: &[&str]) -> Outcome {
    let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
    command.args(args).current_dir(root());
    finish(command)
}

/// The cargo that started us.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn cargo_command(args: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(root());
    // Set for us by the cargo that started us; it would make cargo rebuild what is up to date.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_"))) {
        command.env_remove(name);
    }
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    // A clone that builds once has no use for what a second build would go on from: it costs time, and gigabytes of disk.
    if env::var_os("CI").is_some() && env::var_os("CARGO_INCREMENTAL").is_none() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

fn cargo_run(args: &[&str]) -> Outcome {
    finish(cargo_command(args))
}

fn finish(mut command: Command) -> Outcome {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let words = words.join(" ");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{words}`: {status}")),
        Err(error) => Err(format!("`{words}` could not be started: {error}")),
    }
}

pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| Path::new(&folder).to_path_buf())
}
