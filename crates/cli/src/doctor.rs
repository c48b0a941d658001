//! `doctor`: looks at what a run depends on, and says of each thing whether it will do and what to do if not.
//!
//! It changes nothing, sends no request to a model and never opens the state. What only the binary can tell (the configuration) comes
//! in as ready [`Check`]s; the rest is looked at here.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::args::{Doctor, Format};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::signer::Signer;
use crate::style::{DIM, GREEN, RED, YELLOW, clean, one_line, paint};
use crate::terminal::Terminal;

/// Time for a program to tell its version, and for a connection.
const PROBE_TIME_MAX: Duration = Duration::from_secs(5);
/// Free bytes below which nothing is written safely, and below which it is time to look. Ours.
const FREE_FAIL: u64 = 64 << 20;
const FREE_WARN: u64 = 1 << 30;
/// File systems over a network, on which locks and fsync do not hold as SQLite needs them.
const REMOTE: [&str; 10] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "fuse.sshfs",
];
/// The oldest Python that functions run on.
const PYTHON_MINOR_MIN: u32 = 8;
/// The oldest Node.js that functions run on.
const NODE_MAJOR_MIN: u32 = 18;
/// What this program is called.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It will do.
    Ok,
    /// It will do for some things, or not quite.
    Warn,
    /// It will not do.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What: `disk`.
    pub name: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty when nothing.
    pub advice: String,
}

impl Check {
    /// It will do.
    pub fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, found, "")
    }

    /// It will do for some things.
    pub fn warn(name: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found, advice)
    }

    /// It will not do.
    pub fn fail(name: &str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found, advice)
    }

    fn new(name: &str, verdict: Verdict, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            verdict,
            found: found.into(),
            advice: advice.into(),
        }
    }
}

/// Runs the verb: `config` is what was found about the configuration, `providers` are names and addresses that routes lead to.
pub async fn doctor(args: &Doctor, config: Vec<Check>, providers: &[(String, String)], terminal: &mut Terminal) -> Exit {
    let mut checks = server(args, terminal).await;
    checks.push(python().await);
    checks.push(node().await);
    checks.push(bubblewrap().await);
    checks.extend(state(&args.state));
    checks.extend(variables(terminal, checks_url(args, terminal).as_deref()));
    checks.extend(config);
    for (name, url) in providers {
        checks.push(provider(name, url).await);
    }
    match tell(args, &checks, terminal) {
        Err(failure) => {
            terminal.tell_failure(&failure);
            failure.exit
        }
        Ok(()) if checks.iter().any(|check| check.verdict == Verdict::Fail) => Exit::FAILED,
        Ok(()) => Exit::OK,
    }
}

fn tell(args: &Doctor, checks: &[Check], terminal: &mut Terminal) -> Result<(), Failure> {
    if args.output == Format::Json {
        let checks: Vec<Value> = checks
            .iter()
            .map(|check| json!({"name": check.name, "verdict": word(check.verdict), "found": check.found, "advice": check.advice}))
            .collect();
        return terminal.line(&json!({"checks": checks}).to_string());
    }
    let colors = terminal.colors(args.color);
    for check in checks {
        let color = match check.verdict {
            Verdict::Ok => GREEN,
            Verdict::Warn => YELLOW,
            Verdict::Fail => RED,
        };
        let verdict = paint(colors, color, &format!("{:<4}", word(check.verdict)));
        terminal.line(&format!("{verdict}  {:<10}  {}", one_line(&check.name), clean(&check.found)))?;
        if !check.advice.is_empty() {
            terminal.line(&paint(colors, DIM, &format!("      {}", one_line(&check.advice))))?;
        }
    }
    Ok(())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    }
}

fn checks_url(args: &Doctor, terminal: &Terminal) -> Option<String> {
    terminal.server(&args.server).ok().map(|location| location.url)
}

async fn server(args: &Doctor, terminal: &Terminal) -> Vec<Check> {
    let location = match terminal.server(&args.server) {
        Ok(location) => location,
        // Nothing names a server: there may be none yet.
        Err(failure) if args.server.url.is_none() && terminal.variable("BEDPLATE_URL").is_none() => {
            return vec![Check::warn("server", failure.message, failure.hint.unwrap_or_default())];
        }
        Err(failure) => return vec![Check::fail("server", failure.message, failure.hint.unwrap_or_default())],
    };
    let found = format!("{} ({})", location.url, location.from);
    match Client::new(location, Signer::of(terminal)).json("/_bedplate/version").await {
        Err(failure) => vec![Check::fail("server", failure.message, failure.hint.unwrap_or_default())],
        Ok(about) => {
            let version = one_line(about["version"].as_str().unwrap_or("unknown"));
            let versions = if version == VERSION {
                Check::ok("version", format!("{VERSION}, here and there"))
            } else {
                let found = format!("this program is {VERSION}, the server is {version}");
                Check::warn(
                    "version",
                    found,
                    "end the server and start it with this program, or use the program it was started with",
                )
            };
            vec![Check::ok("server", found), versions]
        }
    }
}

async fn python() -> Check {
    for program in ["python3.13", "python3.12", "python3", "python"] {
        let Some(said) = run(program, &["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).await else {
            continue;
        };
        let version: Option<(u32, u32)> = said
            .trim()
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        if version.is_some_and(|(major, minor)| major == 3 && minor >= PYTHON_MINOR_MIN) {
            return Check::ok("python", format!("{program} is Python {}", one_line(&said)));
        }
    }
    Check::fail(
        "python",
        format!("no working Python 3.{PYTHON_MINOR_MIN} or later in PATH"),
        "install python3: functions in Python do not run without it",
    )
}

/// Nobody needs it who has no functions in JavaScript: it is a warning at most.
async fn node() -> Check {
    for program in ["node", "nodejs"] {
        let Some(said) = run(program, &["--version"]).await else { continue };
        let major: Option<u32> = said.trim().strip_prefix('v').and_then(|said| said.split('.').next()?.parse().ok());
        if major.is_some_and(|major| major >= NODE_MAJOR_MIN) {
            return Check::ok("node", format!("{program} is Node.js {}", one_line(&said)));
        }
    }
    Check::warn(
        "node",
        format!("no working Node.js {NODE_MAJOR_MIN} or later in PATH"),
        "install it if you have functions in JavaScript: they do not run without it",
    )
}

async fn bubblewrap() -> Check {
    let advice = "functions can read the state folder and the keys; install bubblewrap, and allow user namespaces, to keep them apart";
    if run("bwrap", &["--version"]).await.is_none() {
        return Check::warn("isolation", "bubblewrap (bwrap) is not installed", advice);
    }
    match run("bwrap", &["--ro-bind", "/", "/", "--unshare-pid", "true"]).await {
        Some(_) => Check::ok("isolation", "bubblewrap works"),
        None => Check::warn("isolation", "bubblewrap is installed but does not work here", advice),
    }
}

/// What a program prints; none when it cannot be run, fails or does not end.
async fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PROBE_TIME_MAX, output).await.ok()?.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The state folder, its file system, its disk.
fn state(folder: &Path) -> Vec<Check> {
    let shown = folder.display();
    let there = existing(folder);
    if folder.exists() && !folder.is_dir() {
        return vec![Check::fail(
            "state",
            format!("{shown} is not a folder"),
            "name another one with --state",
        )];
    }
    let probe = there.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"ok").and_then(|()| std::fs::remove_file(&probe));
    let mut checks = Vec::new();
    match written {
        Err(error) => {
            let advice = "give this user the right to write there, or name another folder with --state";
            checks.push(Check::fail(
                "state",
                format!("{} cannot be written: {error}", there.display()),
                advice,
            ));
        }
        Ok(()) if folder.is_dir() => checks.push(Check::ok("state", format!("{shown} can be written"))),
        Ok(()) => checks.push(Check::ok(
            "state",
            format!("{shown} is not there yet; {} can be written", there.display()),
        )),
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let real = std::fs::canonicalize(&there).unwrap_or_else(|_| there.clone());
    if let Some(kind) = file_system(&mounts, &real).filter(|kind| REMOTE.contains(kind)) {
        let found = format!("{shown} is on a network file system ({kind})");
        checks.push(Check::warn(
            "state",
            found,
            "put the state on a local disk: locks and fsync do not hold on this one",
        ));
    }
    checks.push(disk(&there));
    checks
}

/// The folder, or the nearest above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let found = whole.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_path_buf()
}

/// The kind of the file system that holds `path`, from the kernel's list of mounts.
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut found: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(1);
        let (Some(point), Some(kind)) = (words.next(), words.next()) else {
            continue;
        };
        let point = point.replace("\\040", " ");
        // The last of equal ones lies on top.
        if path.starts_with(&point) && found.is_none_or(|(length, _)| point.len() >= length) {
            found = Some((point.len(), kind));
        }
    }
    found.map(|(_, kind)| kind)
}

fn disk(folder: &Path) -> Check {
    match rustix::fs::statvfs(folder) {
        Err(error) => Check::warn("disk", format!("free space is not known: {error}"), ""),
        Ok(about) => {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            let found = format!("{} MiB are free at {}", free >> 20, folder.display());
            match free {
                0..FREE_FAIL => Check::fail("disk", found, "make room: commits fail when the disk is full"),
                FREE_FAIL..FREE_WARN => Check::warn("disk", found, "make room before it is full"),
                _ => Check::ok("disk", found),
            }
        }
    }
}

/// Variables by which SDKs would talk to somebody else.
fn variables(terminal: &Terminal, url: Option<&str>) -> Vec<Check> {
    const ENV: &str = "`eval \"$(bedplate env)\"` sets what this shell needs";
    let mut checks = Vec::new();
    match (terminal.variable("AWS_ENDPOINT_URL"), url) {
        (None, _) => checks.push(Check::warn(
            "endpoint",
            "AWS_ENDPOINT_URL is not set: the AWS calls of this shell go to AWS",
            ENV,
        )),
        (Some(set), Some(url)) if set.trim_end_matches('/') != url => checks.push(Check::warn(
            "endpoint",
            format!("AWS_ENDPOINT_URL is {}, the server is at {url}", one_line(set)),
            ENV,
        )),
        (Some(set), _) => checks.push(Check::ok("endpoint", format!("AWS_ENDPOINT_URL is {}", one_line(set)))),
    }
    for name in terminal.variables.keys() {
        let (found, advice) = match name.as_str() {
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => ("switches AWS_ENDPOINT_URL off", "unset it"),
            "AWS_PROFILE" => (
                "may name another region, other keys and addresses",
                "unset it, unless its endpoint_url is the server's",
            ),
            other if other.starts_with("AWS_ENDPOINT_URL_") => {
                ("wins over AWS_ENDPOINT_URL for its service", "unset it, unless that is meant")
            }
            _ => continue,
        };
        if terminal.variable(name).is_some() {
            checks.push(Check::warn("endpoint", format!("{name} is set: it {found}"), advice));
        }
    }
    checks
}

/// Whether a provider's port opens; nothing is sent.
async fn provider(name: &str, url: &str) -> Check {
    let title = format!("provider {name}");
    let uri: Option<http::Uri> = url.parse().ok();
    let Some((host, port)) = uri.as_ref().and_then(|uri| {
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        Some((uri.host()?.trim_matches(['[', ']']).to_owned(), port))
    }) else {
        return Check::fail(
            &title,
            "its base_url is not an address",
            "write one such as http://127.0.0.1:8000/v1",
        );
    };
    let shown = format!("{host}:{port}");
    match tokio::time::timeout(PROBE_TIME_MAX, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Check::ok(&title, format!("{shown} takes connections")),
        Ok(Err(error)) => Check::fail(
            &title,
            format!("{shown}: {error}"),
            "start it, or mend base_url or the route; `bedplate config check` shows both",
        ),
        Err(_) => Check::fail(
            &title,
            format!("{shown} does not answer within {} s", PROBE_TIME_MAX.as_secs()),
            "look at the network and at proxies; connections are tried directly",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "/dev/a / ext4 rw 0 0\nserver:/x /home nfs4 rw 0 0\n/dev/b /home/me/my\\040disk xfs rw 0 0\n";
        for (path, kind) in [
            ("/srv/x", "ext4"),
            ("/home/me", "nfs4"),
            ("/home/me/my disk/x", "xfs"),
            ("/homely", "ext4"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn a_state_folder_that_is_a_file_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("state");
        std::fs::write(&file, "").expect("a file");
        assert_eq!(state(&file)[0].verdict, Verdict::Fail);
        let fine = state(&folder.path().join("not/yet"));
        assert_eq!(fine[0].verdict, Verdict::Ok, "{fine:?}");
        assert!(!folder.path().join("not").exists());
    }
}
