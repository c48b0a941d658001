//! `why REQUEST_ID`: what the server knows of a request that failed, from what the client was told down to the last cause.

use serde::Deserialize;

use crate::args::{Format, Why};
use crate::client::{Client, escape};
use crate::failure::{Exit, Failure};
use crate::style::{DIM, RED, one_line, paint};
use crate::terminal::Terminal;

/// Runs the verb.
pub(crate) async fn run(args: Why, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let client = Client::of(terminal, &args.server)?;
    let asked = client
        .get(&format!("/_bedplate/requests/show?id={}", escape(args.request_id.trim())))
        .await;
    // That this question has a request id, too, helps nobody.
    let text = asked.map_err(|failure| Failure {
        request_id: None,
        ..failure
    })?;
    if args.output == Format::Json {
        terminal.line(&text)?;
        return Ok(Exit::OK);
    }
    let known: Known = serde_json::from_str(&text).map_err(|error| Failure::new(format!("the server's answer cannot be read: {error}")))?;
    let colors = terminal.colors(args.color);
    for line in lines(&known, colors) {
        terminal.line(&line)?;
    }
    Ok(Exit::OK)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    request_id: String,
    request: Option<Request>,
    turn: Option<Turn>,
}

#[derive(Deserialize)]
struct Request {
    at: String,
    method: String,
    path: String,
    operation: String,
    status: u16,
    code: String,
    message: String,
    causes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Turn {
    session_id: String,
    agent_id: String,
    #[serde(default)]
    agent_name: Option<String>,
    outcome: String,
    steps: usize,
    #[serde(default)]
    function: Option<String>,
    #[serde(default)]
    function_error: Option<String>,
    #[serde(default)]
    failure: Option<Ended>,
}

#[derive(Deserialize)]
struct Ended {
    code: String,
    message: String,
    detail: String,
    #[serde(default)]
    resource: Option<String>,
}

fn lines(known: &Known, colors: bool) -> Vec<String> {
    let mut out = vec![paint(colors, DIM, &format!("request {}", one_line(&known.request_id)))];
    // What was told already is not said again as its own cause.
    let mut told: Vec<String> = Vec::new();
    let mut because = |out: &mut Vec<String>, text: &str| {
        let text = one_line(text);
        if !text.is_empty() && !told.contains(&text) {
            out.push(format!("  because {text}"));
            told.push(text);
        }
    };
    if let Some(request) = &known.request {
        let at = request.at.get(..19).unwrap_or(&request.at).replace('T', " ");
        let asked = format!("{at}  {} {}  {}", request.method, request.path, request.operation);
        out.push(paint(colors, DIM, &one_line(&asked)));
        let code = paint(colors, RED, &one_line(&request.code));
        out.push(format!("{code} (HTTP {}): {}", request.status, one_line(&request.message)));
        for cause in &request.causes {
            because(&mut out, cause);
        }
    }
    if let Some(turn) = &known.turn {
        let agent = turn.agent_name.as_deref().unwrap_or(&turn.agent_id);
        out.push(one_line(&format!("turn of session {} with agent {agent}", turn.session_id)));
        match &turn.failure {
            None => out.push(match turn.outcome.as_str() {
                "answered" => "it did not fail: it was answered".to_owned(),
                "asked" => "it did not fail: it waits for the client".to_owned(),
                "running" => "it is still running".to_owned(),
                other => one_line(other),
            }),
            Some(ended) => {
                let code = paint(colors, RED, &one_line(&ended.code));
                let place = match (&turn.function, &ended.resource) {
                    (Some(function), _) => format!(" in step {}, {function}", turn.steps),
                    (None, Some(resource)) => format!(" in step {} ({resource})", turn.steps + 1),
                    (None, None) => String::new(),
                };
                out.push(format!("{code}{}: {}", one_line_after_space(&place), one_line(&ended.message)));
                because(&mut out, &ended.detail);
                because(&mut out, turn.function_error.as_deref().unwrap_or_default());
            }
        }
        out.push(one_line(&format!(
            "`bedplate session show {}/{}` shows its steps",
            turn.agent_id, turn.session_id
        )));
    }
    out
}

/// One line that keeps the space it begins with.
fn one_line_after_space(text: &str) -> String {
    let line = one_line(text);
    if line.is_empty() { line } else { format!(" {line}") }
}
