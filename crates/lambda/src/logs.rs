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

    /// The last lines as one text of at most `bytes_max` bytes: whole lines, unless the last one alone is longer.
    pub fn tail(&self, bytes_max: usize) -> String {
        let mut room = bytes_max;
        let mut first = self.lines.len();
        while let Some(left) = first.checked_sub(1).and_then(|index| room.checked_sub(self.lines[index].len() + 1)) {
            room = left;
            first -= 1;
        }
        match self.lines.back() {
            Some(last) if first == self.lines.len() => {
                let cut = (last.len() + 1).saturating_sub(bytes_max);
                format!("{}\n", &last[last.ceil_char_boundary(cut.min(last.len()))..])
            }
            _ => self.lines.iter().skip(first).map(|line| format!("{line}\n")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Logs;

    #[test]
    fn the_tail_has_whole_lines() {
        let mut logs = Logs::default();
        ["one", "zwölf", "drei"].into_iter().for_each(|line| logs.push(line.into()));
        for (bytes, tail) in [
            (100, "one\nzwölf\ndrei\n"),
            (16, "one\nzwölf\ndrei\n"),
            (15, "zwölf\ndrei\n"),
            (12, "zwölf\ndrei\n"),
            (11, "drei\n"),
            (8, "drei\n"),
            (5, "drei\n"),
            (3, "ei\n"),
            (1, "\n"),
        ] {
            assert_eq!(logs.tail(bytes), tail, "{bytes}");
        }
    }
}
