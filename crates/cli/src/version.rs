//! `version`: of this program, and of the server when one answers.

use serde_json::json;

use crate::args::{Format, Version};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::signer::Signer;
use crate::style::one_line;
use crate::terminal::Terminal;

/// Of the whole workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the verb. No server is no failure, unless one was named.
pub(crate) async fn run(args: Version, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let named = args.server.url.is_some();
    let server = match terminal.server(&args.server) {
        Ok(location) => {
            let client = Client::new(location, Signer::of(terminal));
            client.json("/_bedplate/version").await.map(|about| (client.location.url, about))
        }
        Err(failure) => Err(failure),
    };
    let server = match server {
        Err(failure) if named => return Err(failure),
        other => other.ok(),
    };
    match (args.output, server) {
        (Format::Json, Some((url, about))) => {
            terminal.line(&json!({"version": VERSION, "server": {"url": url, "about": about}}).to_string())?
        }
        (Format::Json, None) => terminal.line(&json!({"version": VERSION}).to_string())?,
        (Format::Text, server) => {
            terminal.line(&format!("bedplate {VERSION}"))?;
            if let Some((url, about)) = server {
                let version = one_line(about["version"].as_str().unwrap_or("of an unknown version"));
                terminal.line(&format!("server {version} at {url}"))?;
            }
        }
    }
    Ok(Exit::OK)
}
