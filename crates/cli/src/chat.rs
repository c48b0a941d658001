//! `chat`: talk to an agent and see its steps.

use crate::args::{Chat, Format};
use crate::client::Client;
use crate::directory;
use crate::failure::{Exit, Failure};
use crate::printer::Printer;
use crate::question::Answers;
use crate::terminal::Terminal;
use crate::turn::{Talk, new_session};

/// Runs the verb.
pub(crate) async fn run(args: Chat, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let client = Client::of(terminal, &args.server)?;
    let (agent, alias) = directory::split(&args.agent);
    let region = terminal.region().map(str::to_owned);
    let to = directory::find(&client, agent, alias, region.as_deref()).await?;
    let mut talk = Talk {
        client: &client,
        to,
        session: args.session.unwrap_or_else(new_session),
        answers: Answers {
            approve: approval(args.approve, args.deny),
            result: args.result,
        },
        output: args.output,
        printer: Printer::new(terminal.width, terminal.colors(args.color)),
    };
    match args.text {
        Some(text) => once(&mut talk, text, terminal).await,
        None => converse(&mut talk, terminal).await,
    }
}

/// Says one thing; when a person is there and the agent asks back, the conversation goes on until it does not.
async fn once(talk: &mut Talk<'_>, text: String, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let mut text = text;
    loop {
        let answer = talk.turn(&text, terminal).await?;
        if !(terminal.interactive && talk.output == Format::Text && answer.trim_end().ends_with('?')) {
            return Ok(Exit::OK);
        }
        terminal.tell(PROMPT);
        match said(terminal).await? {
            Some(line) if !line.is_empty() => text = line,
            _ => return Ok(Exit::OK),
        }
    }
}

/// One line a turn until the end of input. A person goes on after a failed turn, a script does not.
async fn converse(talk: &mut Talk<'_>, terminal: &mut Terminal) -> Result<Exit, Failure> {
    if terminal.interactive {
        terminal.tell(&format!("session {}; /quit or Ctrl-D ends the conversation\n", talk.session));
    }
    loop {
        if terminal.interactive {
            terminal.tell(PROMPT);
        }
        let Some(line) = said(terminal).await? else { return Ok(Exit::OK) };
        if line.is_empty() {
            continue;
        }
        if let Err(failure) = talk.turn(&line, terminal).await {
            if !terminal.interactive {
                return Err(failure);
            }
            terminal.tell_failure(&failure);
        }
    }
}

const PROMPT: &str = "you> ";

/// A line of a person or a script; none at the end of input and at `/quit`.
async fn said(terminal: &mut Terminal) -> Result<Option<String>, Failure> {
    let line = terminal.read_line().await?.map(|line| line.trim().to_owned());
    Ok(line.filter(|line| line != "/quit"))
}

fn approval(approve: bool, deny: bool) -> Option<bool> {
    match (approve, deny) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}
