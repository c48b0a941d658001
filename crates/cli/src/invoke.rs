//! `invoke`: one request, and what comes back.

use serde_json::{Map, Value, json};

use crate::args::{Format, Invoke};
use crate::client::Client;
use crate::directory;
use crate::event::{Event, json_line};
use crate::failure::{Exit, Failure};
use crate::style::clean;
use crate::terminal::Terminal;
use crate::turn::{date, exception, new_session, path};

/// Runs the verb.
pub(crate) async fn run(args: Invoke, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let Some(target) = args.target.strip_prefix("agent/").filter(|name| !name.is_empty()) else {
        return Err(Failure::usage(format!("{:?} cannot be invoked", args.target)).hint("say agent/NAME, for example agent/tennis-booking"));
    };
    let state = args.session_state.as_deref().map(state_of).transpose()?;
    let client = Client::of(terminal, &args.server)?;
    let text = match args.text.as_deref() {
        Some("-") => Some(terminal.read_all().await?.trim_end_matches(['\n', '\r']).to_owned()),
        other => other.map(str::to_owned),
    };
    let (agent, alias) = directory::split(target);
    let region = terminal.region().map(str::to_owned);
    let to = directory::find(&client, agent, alias, region.as_deref()).await?;
    let body = body(text, state, args.end_session, args.stream, args.output);
    let session = args.session.unwrap_or_else(new_session);
    let date = date(terminal.now);
    let mut stream = client.stream(&path(&to, &session), &to.region, &date, &body).await?;
    let mut open = false;
    while let Some(frame) = stream.next().await? {
        let event = Event::of(&frame).map_err(Failure::new)?;
        if args.output == Format::Json {
            terminal.line(&json_line(&frame))?;
        } else if let Some(text) = event.chunk() {
            terminal.print(&clean(&text))?;
            open = !text.ends_with('\n');
        }
        if event.exception {
            return Err(exception(&event, stream.request_id.clone(), &session));
        }
        if event.kind == "returnControl" && args.output == Format::Text {
            terminal.line(&event.body.to_string())?;
            terminal.tell(&format!(
                "the agent asks its client; answer with --session {session} --session-state JSON\n"
            ));
        }
    }
    if open {
        terminal.print("\n")?;
    }
    Ok(Exit::OK)
}

fn state_of(text: &str) -> Result<Value, Failure> {
    let value: Value = serde_json::from_str(text).map_err(|error| Failure::usage(format!("--session-state is not JSON: {error}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Failure::usage("--session-state must be a JSON object, as InvokeAgent has it"))
    }
}

fn body(text: Option<String>, state: Option<Value>, end_session: bool, stream: bool, output: Format) -> Value {
    let mut body = Map::new();
    body.insert("enableTrace".into(), json!(output == Format::Json));
    if let Some(text) = text {
        body.insert("inputText".into(), json!(text));
    }
    if let Some(state) = state {
        body.insert("sessionState".into(), state);
    }
    if end_session {
        body.insert("endSession".into(), json!(true));
    }
    if stream {
        body.insert("streamingConfigurations".into(), json!({"streamFinalResponse": true}));
    }
    body.into()
}
