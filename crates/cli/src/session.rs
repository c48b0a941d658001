//! `session list` and `session show`: what the server remembers.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::args::{Format, Session, SessionVerb};
use crate::client::{Client, escape};
use crate::cost::dollars;
use crate::directory;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::limits::SESSIONS_MAX;
use crate::printer::Printer;
use crate::style::{DIM, clean, one_line, paint, shorten};
use crate::terminal::Terminal;

/// Runs the verb.
pub(crate) async fn run(args: Session, terminal: &mut Terminal) -> Result<Exit, Failure> {
    match args.verb {
        SessionVerb::List {
            agent,
            limit,
            output,
            server,
        } => {
            let client = Client::of(terminal, &server)?;
            list(&client, agent.as_deref(), usize::from(limit), output, terminal).await
        }
        SessionVerb::Show {
            session,
            raw,
            turns,
            output,
            color,
            server,
        } => {
            let client = Client::of(terminal, &server)?;
            let path = show_path(&client, &session, terminal).await?;
            if raw {
                return show_raw(&client, &path, output, terminal).await;
            }
            let text = client.get(&format!("{path}&turns={turns}")).await?;
            if output == Format::Json {
                terminal.line(&text)?;
            } else {
                let colors = terminal.colors(color);
                show(&text, colors, terminal)?;
            }
            Ok(Exit::OK)
        }
    }
}

/// A line of the list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    session_id: String,
    agent_id: String,
    #[serde(default)]
    agent_name: Option<String>,
    alias_id: String,
    #[serde(default)]
    alias_name: Option<String>,
    state: String,
    updated_at: String,
}

async fn list(client: &Client, agent: Option<&str>, limit: usize, output: Format, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let filter = agent.map(|agent| format!("&agent={}", escape(agent))).unwrap_or_default();
    let mut rows: Vec<Value> = Vec::new();
    let mut after = String::new();
    let more = loop {
        let answer = client.json(&format!("/_bedplate/sessions?limit=500{filter}{after}")).await?;
        rows.extend(answer["sessions"].as_array().cloned().unwrap_or_default());
        match answer["next"].as_str() {
            None => break false,
            Some(_) if rows.len() >= SESSIONS_MAX => break true,
            Some(next) => after = format!("&after={}", escape(next)),
        }
    };
    rows.sort_by(|a, b| b["updatedAt"].as_str().cmp(&a["updatedAt"].as_str()));
    let hidden = rows.len().saturating_sub(limit);
    rows.truncate(limit);
    if output == Format::Json {
        terminal.line(&serde_json::json!({"sessions": rows}).to_string())?;
    } else {
        table(&rows, terminal)?;
    }
    if more {
        terminal.tell(&format!(
            "more than {SESSIONS_MAX} sessions: the latest of the first {SESSIONS_MAX} are shown; name an --agent\n"
        ));
    } else if hidden > 0 {
        terminal.tell(&format!("{hidden} more; --limit shows them\n"));
    }
    Ok(Exit::OK)
}

fn table(rows: &[Value], terminal: &mut Terminal) -> Result<(), Failure> {
    let unreadable = |error: serde_json::Error| Failure::new(format!("the server's list of sessions cannot be read: {error}"));
    let rows: Vec<Row> = rows.iter().map(Row::deserialize).collect::<Result<_, _>>().map_err(unreadable)?;
    if rows.is_empty() {
        terminal.tell("no sessions\n");
        return Ok(());
    }
    let cells = rows.iter().map(|row| {
        let agent = row.agent_name.as_deref().unwrap_or(&row.agent_id);
        let alias = row.alias_name.as_deref().unwrap_or(&row.alias_id);
        let time = row.updated_at.get(..19).unwrap_or(&row.updated_at).replace('T', " ");
        let state = if row.state == "waiting" { "waiting for you" } else { &row.state };
        [row.session_id.as_str(), agent, alias, state, &time].map(one_line)
    });
    let head = ["SESSION", "AGENT", "ALIAS", "STATE", "LAST ACTIVE (UTC)"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        terminal.line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

/// The admin door's path for `[AGENT/]SESSION`.
async fn show_path(client: &Client, wanted: &str, terminal: &Terminal) -> Result<String, Failure> {
    let Some((agent, session)) = wanted.rsplit_once('/') else {
        return Ok(format!("/_bedplate/sessions/show?session={}", escape(wanted)));
    };
    if agent.contains('/') {
        // A whole execution id, as the door lists it.
        return Ok(format!("/_bedplate/sessions/show?id={}", escape(wanted)));
    }
    let found = directory::find_agent(client, agent, terminal.region()).await?;
    Ok(format!(
        "/_bedplate/sessions/show?agent={}&session={}",
        escape(&found.agent_id),
        escape(session)
    ))
}

/// The answer of the admin door to `raw=true`: events in pages.
#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    next: Option<u64>,
}

async fn show_raw(client: &Client, path: &str, _: Format, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let mut after = 0;
    loop {
        let text = client.get(&format!("{path}&raw=true&after={after}")).await?;
        let page: RawPage<'_> =
            serde_json::from_str(&text).map_err(|error| Failure::new(format!("the server's events cannot be read: {error}")))?;
        for event in &page.events {
            terminal.line(event.get())?;
        }
        match page.next {
            Some(next) if next > after => after = next,
            _ => return Ok(Exit::OK),
        }
    }
}

/// A stored session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    session_id: String,
    agent_id: String,
    #[serde(default)]
    agent_name: Option<String>,
    alias_id: String,
    #[serde(default)]
    alias_name: Option<String>,
    turns: Vec<Turn>,
    #[serde(default)]
    earlier: usize,
    #[serde(default)]
    cost: Value,
}

/// One stored request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Turn {
    request_id: String,
    at: String,
    #[serde(default)]
    text: Option<String>,
    outcome: String,
    events: Vec<Value>,
    #[serde(default)]
    logs: Vec<Log>,
}

/// What a function printed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    function: String,
    #[serde(default)]
    init_ms: Option<u64>,
    text: String,
}

/// Lines of functions' logs, below the steps.
fn logs(turn: &Turn, colors: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    for log in &turn.logs {
        let started = log.init_ms.map(|ms| format!("(its process started in {ms} ms)"));
        for line in started.iter().map(String::as_str).chain(log.text.lines()) {
            let line = format!("   log     {}: {}", log.function, one_line(line));
            terminal.line(&paint(colors, DIM, &shorten(&clean(&line), terminal.width)))?;
        }
    }
    Ok(())
}

fn show(text: &str, colors: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let shown: Shown = serde_json::from_str(text).map_err(|error| Failure::new(format!("the server's session cannot be read: {error}")))?;
    let agent = shown.agent_name.as_deref().unwrap_or(&shown.agent_id);
    let alias = shown.alias_name.as_deref().unwrap_or(&shown.alias_id);
    let title = format!(
        "session {}  agent {agent} ({})  alias {alias} ({})",
        shown.session_id, shown.agent_id, shown.alias_id
    );
    terminal.line(&shorten(&clean(&title).replace('\n', " "), terminal.width))?;
    if shown.earlier > 0 {
        terminal.tell(&format!("{} earlier requests are left out; --turns shows them\n", shown.earlier));
    }
    let mut printer = Printer::new(terminal.width, colors);
    for (index, turn) in shown.turns.iter().enumerate() {
        let at = turn.at.get(..19).unwrap_or(&turn.at).replace('T', " ");
        let head = format!("{at}  request {}", turn.request_id);
        terminal.line(&format!("\n{}", paint(colors, DIM, &clean(&head))))?;
        if let Some(text) = &turn.text {
            printer.begin();
            let said = printer.said(text);
            terminal.print(&said)?;
        }
        for event in turn.events.iter().filter_map(Event::from_json) {
            let text = printer.event(&event);
            terminal.print(&text)?;
            if event.exception {
                let message = one_line(event.body["message"].as_str().unwrap_or_default());
                terminal.line(&format!("   {}: {message}", event.kind))?;
            }
        }
        let rest = printer.end();
        terminal.print(&rest)?;
        logs(turn, colors, terminal)?;
        match turn.outcome.as_str() {
            "running" => terminal.line("   (still running)")?,
            // The client's answer goes on with the same turn: its sum comes at the end.
            "asked" if index + 1 < shown.turns.len() => {}
            "asked" => terminal.line("   (waits for the client)")?,
            _ => {
                let summary = printer.summary(&shown.session_id);
                terminal.print(&summary)?;
            }
        }
    }
    if shown.cost.is_object() {
        let text = format!("\nthe session's {} model calls cost {}", shown.cost["calls"], dollars(&shown.cost));
        terminal.line(&paint(colors, DIM, &text))?;
    }
    Ok(())
}
