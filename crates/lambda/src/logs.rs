//! Log output of an invocation, bounded: the newest lines are kept.

use std::collections::VecDeque;

use crate::limits;

/// Gets each line (without its end) as it comes, from a task that must not be held up: it must not block.
pub type LogSink = dyn Fn(&str) + Send + Sync;

/// The end of what an invocation wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs {
    lines: VecDeque<String>,
    bytes: usize,
    dropped: u64,
}

impl Logs {
    /// Appends a line and forgets the oldest ones beyond the limit.
    pub(crate) fn push(&mut self, line: String) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > limits::LOG_TAIL_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + 1;
            self.dropped += 1;
        }
    }

    /// The lines that are kept, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many older lines are not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The lines that are kept as one text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
