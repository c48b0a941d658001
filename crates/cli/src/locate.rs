//! Which server: `--url`, `BEDPLATE_URL`, or `.bedplate/server.json` in this folder or one above.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use http::Uri;
use serde::Deserialize;

use crate::failure::Failure;
use crate::limits::{FOLDERS_UP_MAX, SERVER_FILE_BYTES_MAX};

/// What `dev` and `serve` write into the project's folder: `{"url": "http://127.0.0.1:7780", "pid": 123}`.
pub const SERVER_FILE: &str = ".bedplate/server.json";

/// A server's address and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `http://127.0.0.1:7780`, without a slash at its end.
    pub url: String,
    /// Where it was found, for messages.
    pub from: String,
}

#[derive(Deserialize)]
struct ServerFile {
    url: String,
    #[serde(default)]
    pid: Option<u32>,
}

/// Finds a server's address; whether it answers is seen when it is asked.
///
/// # Errors
/// Nothing names a server, or what names it does not make sense.
pub fn locate(flag: Option<&str>, variable: Option<&str>, folder: &Path) -> Result<Location, Failure> {
    if let Some(url) = flag {
        return address(url, "--url".into()).map_err(|failure| Failure {
            exit: crate::Exit::USAGE,
            ..failure
        });
    }
    if let Some(url) = variable {
        return address(url, "BEDPLATE_URL".into());
    }
    if let Some(path) = folder
        .ancestors()
        .take(FOLDERS_UP_MAX)
        .map(|folder| folder.join(SERVER_FILE))
        .find(|path| path.is_file())
    {
        let file = read(&path)?;
        let by = file.pid.map(|pid| format!(", written by process {pid}")).unwrap_or_default();
        return address(&file.url, format!("{}{by}", path.display()));
    }
    let looked = format!(
        "no server: neither --url nor BEDPLATE_URL is given, and there is no {SERVER_FILE} in {} or above",
        folder.display()
    );
    Err(Failure::new(looked).hint(START))
}

/// What to do without a server.
const START: &str = "start one with `bedplate dev`";

/// The failure when nobody answers at a location.
pub(crate) fn nobody(location: &Location, why: &str) -> Failure {
    Failure::new(format!("no server at {} ({}): {why}", location.url, location.from))
        .hint(format!("{START}, or name another one with --url, BEDPLATE_URL or {SERVER_FILE}"))
}

fn read(path: &PathBuf) -> Result<ServerFile, Failure> {
    let unreadable = |why: String| {
        Failure::new(format!("{} cannot be used: {why}", path.display()))
            .hint("it should read {\"url\": \"http://127.0.0.1:7780\", \"pid\": 123}; `bedplate dev` writes it anew")
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SERVER_FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))
}

fn address(text: &str, from: String) -> Result<Location, Failure> {
    let wrong = |why: &str| Failure::new(format!("{from} does not name a server: {text:?} {why}")).hint("it should read http://HOST:PORT");
    let uri: Uri = text.trim().parse().map_err(|_| wrong("is not an address"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err(wrong("asks for TLS, which these verbs do not speak")),
        _ => return Err(wrong("does not begin with http://")),
    }
    let authority = uri
        .authority()
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or_else(|| wrong("has no plain host"))?;
    if uri.path() != "/" || uri.query().is_some() {
        return Err(wrong("has a path"));
    }
    Ok(Location {
        url: format!("http://{authority}"),
        from,
    })
}
