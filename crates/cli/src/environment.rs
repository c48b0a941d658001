//! `env`: the variables that send AWS calls here.

use tokio::process::Command;

use crate::args::Env;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;

/// Region when the server tells none.
const REGION: &str = "us-east-1";
/// The variable of the address; those of single services have its name as prefix.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// A variable that switches addresses off.
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// Runs the verb.
pub(crate) async fn run(args: Env, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let client = Client::new(terminal.server(&args.server)?);
    let about = client.json("/_bedplate/version").await?;
    let served = about["region"].as_str().unwrap_or(REGION);
    let region = terminal.region().unwrap_or(served).to_owned();
    let url = client.location.url.clone();
    warn(terminal);
    let variables = variables(&url, &region);
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

/// The variables.
pub(crate) fn variables(url: &str, region: &str) -> [(&'static str, String); 6] {
    [
        (ENDPOINT, url.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        // SDKs put the service's name before the host otherwise, which no name server knows.
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned()),
    ]
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
