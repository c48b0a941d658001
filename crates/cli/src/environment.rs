//! `env`: the variables that send AWS calls here.

use tokio::process::Command;

use crate::args::Env;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::signer::{ACCESS_KEY, SECRET, Signer};
use crate::terminal::Terminal;

/// Region when the server tells none.
const REGION: &str = "us-east-1";
/// The variable of the address; those of single services have its name as prefix.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// A variable that switches addresses off.
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// Runs the verb.
pub(crate) async fn run(args: Env, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let client = Client::of(terminal, &args.server)?;
    let about = client.json("/_bedplate/version").await?;
    let served = about["region"].as_str().unwrap_or(REGION);
    let region = terminal.region().unwrap_or(served).to_owned();
    let url = client.location.url.clone();
    warn(terminal);
    let keys = match (about["keys"].as_bool().unwrap_or(false), Signer::of(terminal)) {
        (true, None) => {
            terminal.tell(&format!(
                "note: this server takes signed requests only; set {ACCESS_KEY} and {SECRET} to one of its keys\n"
            ));
            Keys::Kept
        }
        (true, Some(_)) => Keys::Kept,
        (false, _) => Keys::Local,
    };
    let variables = variables(&url, &region, keys);
    let Some((program, arguments)) = args.command.split_first() else {
        terminal.line(&format!(
            "# Every AWS call of this shell now goes to Bedplate at {url}, none to AWS. Close the shell to end that."
        ))?;
        for (name, value) in variables {
            terminal.line(&format!("export {name}={}", quote(&value)))?;
        }
        return Ok(Exit::OK);
    };
    let mut command = Command::new(program);
    command.args(arguments).envs(variables);
    let status = command
        .status()
        .await
        .map_err(|error| Failure::new(format!("{program} cannot be run: {error}")))?;
    // A command that a signal ended has no code; shells say 128 and the signal's number, which is not told here.
    Ok(Exit(
        status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::FAILED.0),
    ))
}

/// Which key SDKs sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Any will do: one that says where it is used, instead of whatever the shell has for AWS.
    Local,
    /// The shell's own: the server knows it. It is not printed again.
    Kept,
}

/// The variables.
pub(crate) fn variables(url: &str, region: &str, keys: Keys) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        (ENDPOINT, url.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
    ];
    if keys == Keys::Local {
        variables.push((ACCESS_KEY, "local".to_owned()));
        variables.push((SECRET, "local".to_owned()));
    }
    // SDKs put the service's name before the host otherwise, which no name server knows.
    variables.push(("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned()));
    variables
}

/// Variables that win over ours are told.
fn warn(terminal: &mut Terminal) {
    let winners: Vec<String> = terminal
        .variables
        .keys()
        .filter(|name| name.starts_with("AWS_ENDPOINT_URL_") || *name == IGNORE)
        .map(|name| format!("note: {name} is set and wins over {ENDPOINT}; unset it\n"))
        .collect();
    for line in winners {
        terminal.tell(&line);
    }
}

/// For a POSIX shell.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+,[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
