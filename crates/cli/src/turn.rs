//! One turn over HTTP: InvokeAgent, and again for every question that the agent asks on the way.

use bedplate_base::Timestamp;
use serde_json::{Map, Value, json};

use crate::args::Format;
use crate::client::{Client, escape, hint_of};
use crate::cost;
use crate::directory::Addressee;
use crate::event::{Event, json_line};
use crate::failure::Failure;
use crate::limits::QUESTIONS_MAX;
use crate::printer::Printer;
use crate::question::{self, Answers};
use crate::terminal::Terminal;

/// One session with an agent.
pub(crate) struct Talk<'a> {
    pub(crate) client: &'a Client,
    pub(crate) to: Addressee,
    pub(crate) session: String,
    pub(crate) answers: Answers,
    pub(crate) output: Format,
    pub(crate) printer: Printer,
}

impl Talk<'_> {
    /// Says `text`, shows what happens and answers what is asked. Tells the answer.
    pub(crate) async fn turn(&mut self, text: &str, terminal: &mut Terminal) -> Result<String, Failure> {
        self.printer.begin();
        let mut body = body(Some(text), None);
        for _ in 0..=QUESTIONS_MAX {
            let (answer, asked) = self.request(&body, terminal).await?;
            let Some(asked) = asked else {
                if self.output == Format::Text {
                    let summary = self.printer.summary(&self.session);
                    let cost = cost::of_session(self.client, &self.to.execution(&self.session)).await;
                    let cost = cost.map_or_else(String::new, |cost| format!("  {cost}"));
                    terminal.print(&format!("{}{cost}\n", summary.trim_end_matches('\n')))?;
                }
                return Ok(answer);
            };
            let state = question::answer(&asked, &self.answers, terminal).await?;
            body = self::body(None, Some(state));
        }
        Err(Failure::new(format!(
            "the agent asked {QUESTIONS_MAX} questions in one turn; this ends here"
        )))
    }

    /// One request: the answer's text, and the question when it ends with one.
    async fn request(&mut self, body: &Value, terminal: &mut Terminal) -> Result<(String, Option<Value>), Failure> {
        let date = date(terminal.now);
        let mut stream = self
            .client
            .stream(&path(&self.to, &self.session), &self.to.region, &date, body)
            .await?;
        let (mut answer, mut asked) = (String::new(), None);
        let done = loop {
            let frame = match stream.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            };
            let event = Event::of(&frame).map_err(Failure::new)?;
            match self.output {
                Format::Json => terminal.line(&json_line(&frame))?,
                Format::Text => {
                    let text = self.printer.event(&event);
                    terminal.print(&text)?;
                }
            }
            if event.exception {
                break Err(exception(&event, stream.request_id.clone(), &self.session));
            }
            match event.kind.as_str() {
                "chunk" => answer.push_str(&event.chunk().unwrap_or_default()),
                "returnControl" => asked = Some(event.body),
                _ => {}
            }
        };
        if self.output == Format::Text {
            let text = self.printer.end();
            terminal.print(&text)?;
        }
        done.map(|()| (answer, asked))
    }
}

/// InvokeAgent's body for a conversation that is watched.
fn body(text: Option<&str>, state: Option<Value>) -> Value {
    let mut body = Map::new();
    body.insert("enableTrace".into(), json!(true));
    body.insert("streamingConfigurations".into(), json!({"streamFinalResponse": true}));
    if let Some(text) = text {
        body.insert("inputText".into(), json!(text));
    }
    if let Some(state) = state {
        body.insert("sessionState".into(), state);
    }
    body.into()
}

/// InvokeAgent's path.
pub(crate) fn path(to: &Addressee, session: &str) -> String {
    format!(
        "/agents/{}/agentAliases/{}/sessions/{}/text",
        escape(&to.agent_id),
        escape(&to.alias_id),
        escape(session)
    )
}

/// A date as signatures have it: `20261121`.
pub(crate) fn date(now: Timestamp) -> String {
    now.iso().chars().take(10).filter(char::is_ascii_digit).collect()
}

/// A fresh session id.
pub(crate) fn new_session() -> String {
    format!("s-{}", bedplate_base::random_id(10).to_ascii_lowercase())
}

/// The failure that an exception frame tells.
pub(crate) fn exception(event: &Event, request_id: Option<String>, session: &str) -> Failure {
    let message = event.body["message"].as_str().unwrap_or("the server gave no reason");
    let resource = event.body["resourceName"]
        .as_str()
        .map(|name| format!(" ({name})"))
        .unwrap_or_default();
    let failure = Failure {
        request_id,
        ..Failure::new(format!("{}{resource}: {message}", event.kind))
    };
    let steps = format!("`bedplate session show {session}` shows the steps");
    match hint_of(&event.kind) {
        Some(hint) => failure.hint(format!("{hint}; {steps}")),
        None => failure.hint(steps),
    }
}
