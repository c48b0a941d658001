//! Events → lines. One printer for `chat`, for the conversation that `dev` plays and for stored sessions.
//!
//! A pure fold: every event gives the text that it adds to the screen. A line is a step: its number, what it is (`think`, `tool`,
//! `ask`, `answer`, `fail`), what was said, and at the right how long it took and how many tokens it cost.

use serde_json::Value;

use crate::event::Event;
use crate::style::{CYAN, DIM, GREEN, RED, YELLOW, clean, one_line, paint, shorten};

/// Columns of the number and the kind.
const LEFT: usize = 11;
/// Columns of milliseconds and tokens.
const RIGHT: usize = 21;
/// Characters of one argument that are shown.
const ARGUMENT_SHOWN: usize = 60;

/// Turns events into lines.
#[derive(Debug)]
pub struct Printer {
    width: usize,
    colors: bool,
    steps: usize,
    /// Time of the requests before this one, of the same turn.
    before_ms: u64,
    total_ms: u64,
    tokens: u64,
    /// A model call that has no line yet.
    model: Option<Model>,
    /// Functions that were called and have no line yet.
    called: Vec<Call>,
    /// Functions that the client was asked to run; their results come with the next request.
    asked: Vec<Call>,
    answer: Option<Answer>,
}

#[derive(Debug, Default)]
struct Model {
    ms: Option<u64>,
    tokens: Option<u64>,
}

#[derive(Clone, Debug)]
struct Call {
    text: String,
    client: bool,
}

/// The answer's line, while it is written.
#[derive(Debug, Default)]
struct Answer {
    column: usize,
    /// A word that may go on, and what stands before it.
    word: String,
    spaces: String,
    newlines: usize,
    model: Option<Model>,
}

impl Printer {
    /// For lines of `width` columns.
    pub fn new(width: usize, colors: bool) -> Self {
        Self {
            width: width.max(LEFT + RIGHT + 8),
            colors,
            steps: 0,
            before_ms: 0,
            total_ms: 0,
            tokens: 0,
            model: None,
            called: Vec::new(),
            asked: Vec::new(),
            answer: None,
        }
    }

    /// A turn of the user begins: steps are numbered from 1 again.
    pub fn begin(&mut self) {
        *self = Self::new(self.width, self.colors);
    }

    /// What the user said, as a line.
    pub fn said(&self, text: &str) -> String {
        let lines = clean(text).trim_end().replace('\n', &format!("\n{}", " ".repeat(LEFT)));
        format!("   {}{lines}\n", paint(self.colors, DIM, "you     "))
    }

    /// What an event adds to the screen.
    pub fn event(&mut self, event: &Event) -> String {
        if let Some(text) = event.chunk() {
            return self.chunk(&text);
        }
        if event.exception {
            return self.flush();
        }
        match event.kind.as_str() {
            "trace" => self.trace(&event.body["trace"]),
            "returnControl" => self.return_control(&event.body),
            _ => String::new(),
        }
    }

    /// The end of a request: what is still open gets its line.
    pub fn end(&mut self) -> String {
        self.before_ms += std::mem::take(&mut self.total_ms);
        self.flush()
    }

    /// The line below the steps.
    pub fn summary(&self, session: &str) -> String {
        let steps = if self.steps == 1 {
            "1 step".to_owned()
        } else {
            format!("{} steps", self.steps)
        };
        let tokens = if self.tokens > 0 {
            format!("  {} tok", self.tokens)
        } else {
            String::new()
        };
        let text = format!(
            "session {}  {steps}  {} ms{tokens}",
            one_line(session),
            self.before_ms + self.total_ms
        );
        format!("   {}\n", paint(self.colors, DIM, &text))
    }

    fn trace(&mut self, trace: &Value) -> String {
        if let Some(reason) = trace["failureTrace"]["failureReason"].as_str() {
            let mut out = self.flush();
            out.push_str(&self.line("fail", RED, reason, None, None));
            return out;
        }
        // Any stage of the loop has the same members.
        let Some(stage) = trace.as_object().and_then(|members| members.values().next()) else {
            return String::new();
        };
        let Some((member, body)) = stage.as_object().and_then(|members| members.iter().next()) else {
            return String::new();
        };
        match member.as_str() {
            "modelInvocationOutput" => self.model_output(&body["metadata"]),
            "rationale" => self.rationale(body["text"].as_str().unwrap_or_default()),
            "invocationInput" => self.invocation(body),
            "observation" => self.observation(body),
            _ => String::new(),
        }
    }

    fn model_output(&mut self, metadata: &Value) -> String {
        let usage = &metadata["usage"];
        let tokens = usage
            .is_object()
            .then(|| number(&usage["inputTokens"]) + number(&usage["outputTokens"]));
        let ms = metadata["totalTimeMs"].as_u64();
        self.total_ms += ms.unwrap_or(0);
        self.tokens += tokens.unwrap_or(0);
        let model = Model { ms, tokens };
        match &mut self.answer {
            // The answer was shown while the model wrote it.
            Some(answer) => answer.model = Some(model),
            None => self.model = Some(model),
        }
        String::new()
    }

    fn rationale(&mut self, text: &str) -> String {
        if self.answer.is_some() {
            return String::new();
        }
        let model = self.model.take().unwrap_or_default();
        self.line("think", DIM, text, model.ms, model.tokens)
    }

    fn invocation(&mut self, body: &Value) -> String {
        let mut out = self.close_answer();
        if let Some(model) = self.model.take() {
            out.push_str(&self.line("think", DIM, "(gave no reason)", model.ms, model.tokens));
        }
        let Some(input) = body.get("actionGroupInvocationInput") else {
            return out;
        };
        let client = input["executionType"].as_str() == Some("RETURN_CONTROL");
        let name = input["function"].as_str().or_else(|| input["apiPath"].as_str()).unwrap_or("?");
        self.called.push(Call {
            text: call(name, &input["parameters"]),
            client,
        });
        out
    }

    fn observation(&mut self, body: &Value) -> String {
        if let Some(ms) = body["finalResponse"]["metadata"]["operationTotalTimeMs"].as_u64() {
            self.total_ms = ms;
            return String::new();
        }
        let Some(output) = body.get("actionGroupInvocationOutput") else {
            return String::new();
        };
        let ms = output["metadata"]["totalTimeMs"].as_u64();
        self.total_ms += ms.unwrap_or(0);
        let result = one_line(output["text"].as_str().unwrap_or_default());
        let call = if !self.called.is_empty() {
            self.called.remove(0).text
        } else if !self.asked.is_empty() {
            self.asked.remove(0).text
        } else {
            "(client)".to_owned()
        };
        self.tool(&call, &result, ms)
    }

    /// `name(arguments) -> result`: a long call leaves the result a quarter of the line.
    fn tool(&mut self, call: &str, result: &str, ms: Option<u64>) -> String {
        let room = self.width - LEFT - RIGHT;
        let least = result.chars().count().min(room / 4);
        let call = shorten(call, room.saturating_sub(least + 4));
        self.line("tool", CYAN, &format!("{call} -> {result}"), ms, None)
    }

    fn return_control(&mut self, body: &Value) -> String {
        let mut out = self.close_answer();
        self.called.retain(|call| !call.client);
        out.push_str(&self.flush());
        self.asked.clear();
        for input in body["invocationInputs"].as_array().into_iter().flatten() {
            let (name, input) = match (input.get("functionInvocationInput"), input.get("apiInvocationInput")) {
                (Some(function), _) => (function["function"].as_str(), function),
                (None, Some(api)) => (api["apiPath"].as_str(), api),
                (None, None) => continue,
            };
            let text = call(name.unwrap_or("?"), &input["parameters"]);
            let (line, confirm) = match input["actionInvocationType"].as_str() {
                Some("USER_CONFIRMATION") => (format!("approve {text}?"), true),
                Some("USER_CONFIRMATION_AND_RESULT") => (format!("approve {text}, run it and tell its result?"), false),
                _ => (format!("run {text} and tell its result"), false),
            };
            if !confirm {
                self.asked.push(Call { text, client: true });
            }
            out.push_str(&self.line("ask", YELLOW, &line, None, None));
        }
        out
    }

    /// Text of the answer: written word by word, wrapped, indented.
    fn chunk(&mut self, text: &str) -> String {
        let mut out = String::new();
        if self.answer.is_none() {
            out.push_str(&self.start("answer", GREEN));
            self.answer = Some(Answer {
                column: LEFT,
                model: self.model.take(),
                ..Answer::default()
            });
        }
        let width = self.width;
        let Some(answer) = &mut self.answer else { return out };
        for c in clean(text).chars() {
            match c {
                '\n' => {
                    answer.put_word(width, &mut out);
                    answer.spaces.clear();
                    answer.newlines += 1;
                }
                ' ' | '\t' => {
                    answer.put_word(width, &mut out);
                    answer.spaces.push(' ');
                }
                other => answer.word.push(other),
            }
        }
        out
    }

    fn close_answer(&mut self) -> String {
        let Some(mut answer) = self.answer.take() else {
            return String::new();
        };
        let mut out = String::new();
        answer.put_word(self.width, &mut out);
        let model = answer.model.unwrap_or_default();
        let right = right(model.ms, model.tokens);
        if !right.is_empty() && answer.column + right.chars().count() < self.width {
            out.push_str(&" ".repeat(self.width - answer.column - RIGHT));
            out.push_str(&paint(self.colors, DIM, &right));
        }
        out.push('\n');
        out
    }

    fn flush(&mut self) -> String {
        let mut out = self.close_answer();
        if let Some(model) = self.model.take() {
            out.push_str(&self.line("think", DIM, "(gave no reason)", model.ms, model.tokens));
        }
        for call in std::mem::take(&mut self.called) {
            out.push_str(&self.line("tool", CYAN, &format!("{} -> no result", call.text), None, None));
        }
        out
    }

    /// The number and the kind of the next step.
    fn start(&mut self, kind: &str, color: &str) -> String {
        self.steps += 1;
        format!("{:<3}{}", self.steps, paint(self.colors, color, &format!("{kind:<8}")))
    }

    fn line(&mut self, kind: &str, color: &str, text: &str, ms: Option<u64>, tokens: Option<u64>) -> String {
        let right = right(ms, tokens);
        let room = self.width - LEFT - if right.is_empty() { 0 } else { RIGHT };
        let text = shorten(&one_line(text), room);
        let mut out = self.start(kind, color);
        out.push_str(&text);
        if !right.is_empty() {
            out.push_str(&" ".repeat(room - text.chars().count()));
            out.push_str(&paint(self.colors, DIM, &right));
        }
        out.push('\n');
        out
    }
}

impl Answer {
    fn put_word(&mut self, width: usize, out: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let (word, spaces) = (std::mem::take(&mut self.word), std::mem::take(&mut self.spaces));
        let columns = word.chars().count();
        let breaks = std::mem::take(&mut self.newlines);
        let wraps = breaks == 0 && self.column > LEFT && self.column + spaces.len() + columns > width;
        if breaks > 0 || wraps {
            out.push_str(&"\n".repeat(breaks.max(1)));
            out.push_str(&" ".repeat(LEFT));
            self.column = LEFT;
        }
        if !wraps {
            out.push_str(&spaces);
            self.column += spaces.len();
        }
        out.push_str(&word);
        self.column += columns;
    }
}

/// Time and tokens in columns; nothing behind the last. Large numbers lose their last digits, so that columns stay.
fn right(ms: Option<u64>, tokens: Option<u64>) -> String {
    let ms = ms.map(|ms| {
        if ms < 100_000 {
            format!("{ms} ms")
        } else {
            format!("{} s", ms / 1_000)
        }
    });
    let tokens = tokens.map(|tokens| {
        if tokens < 100_000 {
            format!("{tokens} tok")
        } else {
            format!("{}k tok", tokens / 1_000)
        }
    });
    match (ms, tokens) {
        (None, None) => String::new(),
        (Some(ms), None) => format!("{ms:>10}"),
        (ms, Some(tokens)) => format!("{:>10}{tokens:>11}", ms.unwrap_or_default()),
    }
}

/// `name(a=1, b=x)`.
pub(crate) fn call(name: &str, parameters: &Value) -> String {
    let argument = |one: &Value| {
        let text = one_line(one["value"].as_str().unwrap_or_default());
        format!(
            "{}={}",
            one_line(one["name"].as_str().unwrap_or_default()),
            shorten(&text, ARGUMENT_SHOWN)
        )
    };
    let arguments: Vec<String> = parameters.as_array().into_iter().flatten().map(argument).collect();
    format!("{}({})", one_line(name), arguments.join(", "))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
