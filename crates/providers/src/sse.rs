//! A small incremental reader of server-sent events: bytes in, the `data` of whole events out.
//!
//! It knows nothing about JSON or models. Names, ids and retry times of events are ignored: no provider needs them.
//! Rules of the format: WHATWG HTML, "Server-sent events".

/// Most bytes of one line. Ours: a single event of a provider is a few KiB, a whole tool call in one event may be more.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of a whole reply unless the configuration says otherwise. Ours.
pub const REPLY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlong {
    /// A line (or the data of one event) is longer than `LINE_BYTES_MAX`.
    Line,
    /// The whole is longer than allowed.
    Reply,
}

/// The reader's state between two pieces of the stream.
#[derive(Debug)]
pub struct EventReader {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    after_cr: bool,
    first_line: bool,
    read: usize,
    reply_bytes_max: usize,
}

impl EventReader {
    /// A reader that gives up after `reply_bytes_max` bytes.
    pub fn new(reply_bytes_max: usize) -> Self {
        Self {
            line: Vec::new(),
            data: None,
            after_cr: false,
            first_line: true,
            read: 0,
            reply_bytes_max,
        }
    }

    /// Takes the next piece, however it was cut, and appends the data of the events that it completes.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<String>) -> Result<(), Overlong> {
        self.read = self.read.saturating_add(piece.len());
        if self.read > self.reply_bytes_max {
            return Err(Overlong::Reply);
        }
        let mut rest = piece;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + part.len() > LINE_BYTES_MAX {
                return Err(Overlong::Line);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(out)?;
        }
        Ok(())
    }

    /// The stream has ended: the data of an event that lacks its final blank line. Whoever reads it must expect half an event.
    pub fn finish(mut self) -> Option<String> {
        let mut out = Vec::new();
        self.end_line(&mut out).ok()?;
        self.dispatch(&mut out);
        out.pop()
    }

    fn end_line(&mut self, out: &mut Vec<String>) -> Result<(), Overlong> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(out);
        } else if let Some(value) = field(line, b"data") {
            match &mut self.data {
                None => self.data = Some(value.to_vec()),
                Some(data) if data.len() + value.len() + 1 > LINE_BYTES_MAX => return Err(Overlong::Line),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        }
        Ok(())
    }

    fn dispatch(&mut self, out: &mut Vec<String>) {
        if let Some(data) = self.data.take() {
            out.push(String::from_utf8_lossy(&data).into_owned());
        }
    }
}

/// The value of a line `name: value`; comments and other fields give nothing.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
