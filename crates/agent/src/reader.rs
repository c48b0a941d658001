//! What of a running model call may be shown: the inside of `<answer>` as it comes, untagged text never before the end.

use bedplate_journal::{Part, Reader};

use crate::reply::{ANSWER_END, answer_start};

/// Finds the answer on the fly. Text outside the tags may turn out to be rationale before a tool call, so it is held;
/// what was held is sent with the reply, when that has no tool call.
#[derive(Default)]
pub(crate) struct AnswerReader {
    /// Text that is not yet decided.
    pending: String,
    state: State,
    /// Whether anything was shown: leading newlines are dropped until then.
    shown: bool,
}

#[derive(Default, PartialEq)]
enum State {
    #[default]
    Outside,
    Inside,
    /// After the closing tag, or after a tool call began.
    Over,
}

impl Reader for AnswerReader {
    fn read(&mut self, part: &Part) -> String {
        match part {
            Part::Thinking(_) => String::new(),
            Part::Tool(_) => {
                self.state = State::Over;
                String::new()
            }
            Part::Text(text) => self.text(text),
        }
    }
}

impl AnswerReader {
    fn text(&mut self, text: &str) -> String {
        if self.state == State::Over {
            return String::new();
        }
        self.pending.push_str(text);
        if self.state == State::Outside {
            let Some(at) = answer_start(&self.pending) else {
                return String::new();
            };
            self.pending.drain(..at);
            self.state = State::Inside;
        }
        let mut out = match self.pending.find(ANSWER_END) {
            Some(at) => {
                self.state = State::Over;
                let out = self.pending[..at].to_owned();
                self.pending.clear();
                out
            }
            None => {
                let keep = held_suffix(&self.pending, ANSWER_END);
                self.pending.drain(..self.pending.len() - keep).collect()
            }
        };
        if !self.shown {
            out = out.trim_start_matches(['\n', '\r']).to_owned();
            self.shown = !out.is_empty();
        }
        out
    }
}

/// Bytes at the end of `text` that may be the beginning of `tag`.
fn held_suffix(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|len| text.ends_with(&tag[..*len])).unwrap_or(0)
}
