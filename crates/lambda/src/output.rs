//! Standard output and error of one process: one pipe, read line by line, never held in memory beyond the limits.
//!
//! The bootstrap flushes before it answers, so when an answer has come everything that the handler wrote is in the
//! pipe already; [`Output::finish`] reads it out at once and an invocation's log is complete.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use tokio::net::unix::pipe::Receiver;

use crate::limits;
use crate::logs::{LogSink, Logs};

/// The reading end of a process's output.
pub(crate) struct Output {
    pipe: Receiver,
    state: Mutex<State>,
    function: String,
}

#[derive(Default)]
struct State {
    partial: Vec<u8>,
    current: Option<Recording>,
}

struct Recording {
    request_id: String,
    logs: Logs,
    sink: Option<Arc<LogSink>>,
    shown: usize,
}

impl Output {
    /// A pipe: the reading end, and the end for the process.
    pub(crate) fn new(function: &str) -> std::io::Result<(Arc<Self>, File)> {
        let (reader, writer) = std::io::pipe()?;
        let pipe = Receiver::from_owned_fd(reader.into())?;
        let output = Self {
            pipe,
            state: Mutex::default(),
            function: function.to_owned(),
        };
        Ok((Arc::new(output), File::from(OwnedFd::from(writer))))
    }

    /// Reads until all writers are gone; the process's task.
    pub(crate) async fn read_all(&self) {
        while self.pipe.readable().await.is_ok() {
            if !self.drain(|buffer| self.pipe.try_read(buffer)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// From here on lines belong to `request_id`.
    pub(crate) fn begin(&self, request_id: &str, sink: Option<Arc<LogSink>>) {
        let mut state = self.lock();
        state.current = Some(Recording {
            request_id: request_id.to_owned(),
            logs: Logs::default(),
            sink,
            shown: 0,
        });
    }

    /// Reads what is there and hands over the lines since [`Self::begin`].
    pub(crate) fn finish(&self) -> Logs {
        // Asked of the system itself: the runtime may not have heard yet that the pipe is readable.
        self.drain(|buffer| Ok(rustix::io::read(&self.pipe, buffer)?));
        let mut state = self.lock();
        let rest = std::mem::take(&mut state.partial);
        if !rest.is_empty() {
            self.line(&mut state, &rest);
        }
        state.current.take().map(|recording| recording.logs).unwrap_or_default()
    }

    /// Reads what is there, up to the limit of one go; false when all writers are gone.
    fn drain(&self, mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>) -> bool {
        let mut state = self.lock();
        let mut buffer = [0; 16 * 1024];
        let mut total = 0;
        while total < limits::DRAIN_BYTES_MAX {
            match read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    total += count;
                    self.split(&mut state, &buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn split(&self, state: &mut State, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = limits::LOG_LINE_BYTES_MAX - state.partial.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let (line, rest) = match end {
                Some(end) => (&bytes[..end], &bytes[end + 1..]),
                None if bytes.len() < room => {
                    state.partial.extend_from_slice(bytes);
                    return;
                }
                None => bytes.split_at(room),
            };
            let mut whole = std::mem::take(&mut state.partial);
            whole.extend_from_slice(line);
            self.line(state, &whole);
            bytes = rest;
        }
    }

    fn line(&self, state: &mut State, bytes: &[u8]) {
        let line = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
        let Some(recording) = &mut state.current else {
            tracing::info!(target: "lambda", function = self.function, "{line}");
            return;
        };
        let before = recording.shown;
        recording.shown += line.len() + 1;
        if recording.shown <= limits::LOG_SHOWN_BYTES_MAX {
            tracing::info!(target: "lambda", function = self.function, request_id = recording.request_id, "{line}");
        } else if before <= limits::LOG_SHOWN_BYTES_MAX {
            tracing::warn!(target: "lambda", function = self.function, request_id = recording.request_id, "more output of this invocation is not shown");
        }
        if let Some(sink) = &recording.sink {
            sink(&line);
        }
        recording.logs.push(line);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
