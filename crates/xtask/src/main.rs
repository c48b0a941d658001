//! `cargo xtask`: the verbs of the developer loop.

mod codegen;
mod coverage;
mod deny;
mod dist;
mod fields;
mod layers;
mod licences;
mod models;
mod steps;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a verb ends with: a text for people says what went wrong.
type Outcome = Result<(), String>;

/// A verb: its name, what it does, and its main function.
type Verb = (&'static str, &'static str, fn(&[String]) -> Outcome);

const VERBS: &[Verb] = &[
    (
        "models",
        "reduce the published service models to facts under service-models/ (needs python3 and the network)",
        models::run,
    ),
    (
        "codegen",
        "generate the wire crates from service-models/; --check only compares",
        codegen::run,
    ),
    (
        "coverage",
        "write the docs' table of operations from the dispatch tables; --check only compares",
        coverage::run,
    ),
    (
        "fields",
        "write the docs' tables of fields and of what --strict changes; --check only compares",
        fields::run,
    ),
    (
        "licences",
        "write the table of licences of what the binary contains; --check only compares, --texts FILE writes the texts",
        licences::run,
    ),
    (
        "dist",
        "the archive of a release in target/dist, made and tried; --binary FILE packs that one",
        dist::run,
    ),
    ("check", "types of the workspace, or of the packages named", steps::check_types),
    (
        "test",
        "everything that has to hold; needs python3, nothing to install by hand",
        steps::test,
    ),
    ("ci", "the same as test: what .ci/run runs", steps::test),
    ("fix", "format, and mend what clippy can", steps::fix),
    ("tidy", "layers, sizes, words, links, dependencies, generated code", steps::tidy),
    ("layers", "floors of the crates only", steps::layers),
    ("deny", "bans, sources and licences only", steps::deny),
    ("sim", "the simulator with one SEED", steps::sim),
    (
        "e2e",
        "the Python clients against the release binary; arguments go to pytest",
        steps::e2e,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let verb = args.first().map_or("", String::as_str);
    let Some((name, _, run)) = VERBS.iter().find(|(name, ..)| *name == verb) else {
        eprintln!("usage: cargo xtask VERB");
        VERBS.iter().for_each(|(name, help, _)| eprintln!("  {name:<10} {help}"));
        return ExitCode::from(2);
    };
    match run(&args[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").components().collect()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
