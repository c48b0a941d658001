//! `doctor`: the part that knows the configuration; everything else is looked at in `cli`.

use std::path::Path;

use bedplate_cli::{Check, Doctor, Exit, Terminal, doctor};

use crate::checked;
use crate::config::Config;

/// What to do about a mistake in the configuration.
const MEND: &str = "mend it; `bedplate config check` tells when it is right";

/// The addresses of providers that need no `base_url`.
const KNOWN: [(&str, &str); 3] = [
    ("ollama", "http://127.0.0.1:11434/v1"),
    ("openai", "https://api.openai.com/v1"),
    ("anthropic", "https://api.anthropic.com"),
];

/// Runs the verb.
pub(crate) async fn run(args: Doctor) -> Exit {
    let (checks, providers) = match Config::read(args.config.as_deref(), Path::new(".")) {
        Ok(config) => (checks(&config), providers(&config)),
        Err(error) => (vec![Check::fail("config", error, MEND)], Vec::new()),
    };
    doctor(&args, checks, &providers, &mut Terminal::system()).await
}

fn checks(config: &Config) -> Vec<Check> {
    let read = match &config.file {
        None => "there is no bedplate.toml here; the defaults hold".to_owned(),
        Some(file) => file.display().to_string(),
    };
    let mut checks = vec![Check::ok("config", read)];
    checks.extend(checked::parts(config).into_iter().map(|part| match part.mistake {
        None => Check::ok(&part.name, part.found),
        Some(mistake) => Check::fail(&part.name, mistake, MEND),
    }));
    checks
}

/// Names and addresses of the providers that routes lead to.
fn providers(config: &Config) -> Vec<(String, String)> {
    let models = &config.models;
    let mut names: Vec<&str> = models
        .routes
        .iter()
        .flat_map(|route| &route.to)
        .filter_map(|to| Some(to.split_once('/')?.0))
        .filter(|name| *name != bedplate_providers::BUILTIN)
        .collect();
    names.sort_unstable();
    names.dedup();
    let address = |name: &str| {
        let given = models.providers.get(name).and_then(|provider| provider.base_url.clone());
        given.or_else(|| KNOWN.iter().find(|(known, _)| *known == name).map(|(_, url)| (*url).to_owned()))
    };
    names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), address(name)?)))
        .collect()
}
