//! Terminal and environment: the only file that touches them. Everything else is given a [`Terminal`].
#![allow(
    clippy::disallowed_methods,
    reason = "this is the edge: environment, folder and clock are read here, once, and handed on"
)]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bedplate_base::Timestamp;

use crate::args::{Color, Server};
use crate::failure::Failure;
use crate::limits::INPUT_BYTES_MAX;
use crate::locate::{Location, locate};
use crate::signer;
use crate::style::{clean, paint};

/// Columns when nothing says how wide the terminal is.
const WIDTH: usize = 100;
/// Columns at least and at most: below, steps cannot be read; above, the eye loses the line.
const WIDTH_RANGE: (usize, usize) = (40, 200);
/// Variables that verbs look at: those of these names, and AWS's endpoints.
const VARIABLES: [&str; 10] = [
    "BEDPLATE_URL",
    signer::ACCESS_KEY,
    signer::SECRET,
    signer::SESSION_TOKEN,
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "NO_COLOR",
    "COLUMNS",
];
const ENDPOINTS: &str = "AWS_ENDPOINT_URL";

fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Where a verb reads and writes, and what it may know of the machine.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    input: Option<Box<dyn BufRead + Send>>,
    /// Columns of a line.
    pub width: usize,
    /// Whether a person sits at stdin: only then questions are asked.
    pub interactive: bool,
    /// Whether stdout is a terminal.
    pub shown: bool,
    /// Variables that verbs look at.
    pub variables: BTreeMap<String, String>,
    /// The current folder.
    pub folder: PathBuf,
    /// The time when the verb began.
    pub now: Timestamp,
    /// The time of each signature.
    pub clock: fn() -> Timestamp,
}

impl Terminal {
    /// The process's own.
    pub fn system() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| VARIABLES.contains(&name.as_str()) || name.starts_with(ENDPOINTS))
            .collect();
        let shown = io::stdout().is_terminal();
        let columns = variables.get("COLUMNS").and_then(|text| text.parse().ok());
        let width = columns.or_else(|| shown.then(screen_width).flatten()).unwrap_or(WIDTH);
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Some(Box::new(BufReader::new(io::stdin()))),
            width: width.clamp(WIDTH_RANGE.0, WIDTH_RANGE.1),
            interactive: io::stdin().is_terminal(),
            shown,
            variables,
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            now: system_time(),
            clock: system_time,
        }
    }

    /// One that reads and writes elsewhere and knows nothing of the machine: for tests, and for callers that collect output.
    pub fn detached(
        input: impl BufRead + Send + 'static,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
        folder: &Path,
    ) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            input: Some(Box::new(input)),
            width: WIDTH,
            interactive: false,
            shown: false,
            variables: BTreeMap::new(),
            folder: folder.to_owned(),
            now: Timestamp::default(),
            clock: Timestamp::default,
        }
    }

    /// A variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Which server is meant.
    pub(crate) fn server(&self, args: &Server) -> Result<Location, Failure> {
        locate(args.url.as_deref(), self.variable("BEDPLATE_URL"), &self.folder)
    }

    /// The region that the environment names.
    pub(crate) fn region(&self) -> Option<&str> {
        self.variable("AWS_REGION").or_else(|| self.variable("AWS_DEFAULT_REGION"))
    }

    /// Whether to use colours.
    pub fn colors(&self, wish: Color) -> bool {
        match wish {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => self.shown && self.variable("NO_COLOR").is_none(),
        }
    }

    /// Writes results.
    ///
    /// # Errors
    /// Nobody reads them any more, or the disk is full.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(),
            _ => Failure::new(format!("stdout cannot be written: {error}")),
        })
    }

    /// Writes a line of results.
    ///
    /// # Errors
    /// As [`Terminal::print`].
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.print(&format!("{text}\n"))
    }

    /// Writes everything else. That nobody reads it is no failure.
    pub fn tell(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }

    /// Tells why a verb failed.
    pub fn tell_failure(&mut self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        let colors = self.shown && self.colors(Color::Auto);
        let text = format!("{} {}\n", paint(colors, crate::style::RED, "error:"), clean(&failure.to_string()));
        self.tell(&text);
    }

    /// The next line of input without its end; none at the end of input.
    ///
    /// # Errors
    /// Input cannot be read, is not UTF-8 or longer than a request may be.
    pub async fn read_line(&mut self) -> Result<Option<String>, Failure> {
        let bytes = self
            .read(|input, bytes| input.take(INPUT_BYTES_MAX + 1).read_until(b'\n', bytes))
            .await?;
        let text = text_of(bytes)?;
        Ok((!text.is_empty()).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    /// All of the input.
    ///
    /// # Errors
    /// As [`Terminal::read_line`].
    pub async fn read_all(&mut self) -> Result<String, Failure> {
        text_of(self.read(|input, bytes| input.take(INPUT_BYTES_MAX + 1).read_to_end(bytes)).await?)
    }

    /// Reads on a thread of its own, so that nothing else waits for a person.
    async fn read(
        &mut self,
        how: impl FnOnce(&mut Box<dyn BufRead + Send>, &mut Vec<u8>) -> io::Result<usize> + Send + 'static,
    ) -> Result<Vec<u8>, Failure> {
        let gone = || Failure::new("stdin is gone");
        let mut input = self.input.take().ok_or_else(gone)?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            let done = how(&mut input, &mut bytes);
            (input, bytes, done)
        });
        let (input, bytes, done) = reading.await.map_err(|_| gone())?;
        self.input = Some(input);
        done.map_err(|error| Failure::new(format!("stdin cannot be read: {error}")))?;
        Ok(bytes)
    }
}

fn text_of(bytes: Vec<u8>) -> Result<String, Failure> {
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::new(format!(
            "the input is longer than {INPUT_BYTES_MAX} bytes, the most that a request may say"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::new("the input is not UTF-8 text"))
}

fn screen_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
