//! `clock advance`: sets the clock of `dev` forward.

use serde_json::Value;

use crate::args::{ClockArgs, ClockVerb, Format};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::style::one_line;
use crate::terminal::Terminal;

/// Runs the verb.
pub(crate) async fn run(args: ClockArgs, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let ClockVerb::Advance { by, output, server } = args.verb;
    let client = Client::of(terminal, &server)?;
    let answer = client.post(&format!("/_bedplate/clock?advanceMs={}", by.as_millis())).await?;
    match output {
        Format::Json => terminal.line(&answer)?,
        Format::Text => {
            let now = serde_json::from_str::<Value>(&answer).unwrap_or_default();
            terminal.line(&format!("now {}", one_line(now["now"].as_str().unwrap_or("unknown"))))?;
        }
    }
    Ok(Exit::OK)
}
