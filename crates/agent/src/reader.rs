//! What of a running model call may be shown: the inside of `<answer>` as it comes, untagged text never before the end.

use bedplate_journal::{Part, Reader};

use crate::reply::{ANSWER, ANSWER_END, THINKING, THINKING_END};

/// Finds the answer on the fly, by the rule of `reply::answer_start`. Text outside the tags may turn out to be rationale
/// before a tool call, so it is not shown; when the reply has no tool call, it is sent with the reply. No text is looked at
/// twice: a reply has megabytes and comes in pieces of a few bytes.
#[derive(Default)]
pub(crate) struct AnswerReader {
    /// Text that is not yet decided: outside the answer no more than the beginning of a tag.
    pending: String,
    state: State,
    /// Whether anything was shown: leading newlines are dropped until then.
    shown: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Outside,
    /// Between the tags around thoughts.
    Thinking,
    Inside,
    /// After the closing tag, or after a tool call began.
    Over,
}

impl Reader for AnswerReader {
    fn read(&mut self, part: &Part) -> String {
        match part {
            Part::Tool { .. } => {
                self.state = State::Over;
                String::new()
            }
            Part::Text(text) => self.text(text),
            _ => String::new(),
        }
    }
}

impl AnswerReader {
    fn text(&mut self, text: &str) -> String {
        if self.state == State::Over {
            return String::new();
        }
        self.pending.push_str(text);
        while self.state != State::Inside {
            if !self.pass_tag() {
                return String::new();
            }
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

    /// Goes on behind the next tag before the answer; false when it has not come yet, then what cannot be its beginning is
    /// forgotten.
    fn pass_tag(&mut self) -> bool {
        let tags: &[(&str, State)] = match self.state {
            State::Outside => &[(ANSWER, State::Inside), (THINKING, State::Thinking)],
            _ => &[(THINKING_END, State::Outside)],
        };
        let found = tags.iter().filter_map(|(tag, next)| Some((self.pending.find(tag)?, tag, next)));
        match found.min_by_key(|(at, ..)| *at) {
            Some((at, tag, next)) => {
                self.pending.drain(..at + tag.len());
                self.state = *next;
                true
            }
            None => {
                let held = tags.iter().map(|(tag, _)| held_suffix(&self.pending, tag)).max().unwrap_or(0);
                self.pending.drain(..self.pending.len() - held);
                false
            }
        }
    }
}

/// Bytes at the end of `text` that may be the beginning of `tag`.
fn held_suffix(text: &str, tag: &str) -> usize {
    (1..tag.len()).rev().find(|len| text.ends_with(&tag[..*len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecided_text_is_not_kept() {
        for opening in ["", "<thinking>"] {
            let mut reader = AnswerReader::default();
            reader.read(&Part::Text(opening.into()));
            for _ in 0..1_000 {
                assert_eq!(reader.read(&Part::Text("untagged <b".into())), "");
            }
            assert!(
                reader.pending.len() < ANSWER.len().max(THINKING_END.len()),
                "{}",
                reader.pending.len()
            );
        }
    }
}
