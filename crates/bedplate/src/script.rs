//! Plays an example that is a script: a client of the server like any other, in a process of its own, with a shell's variables.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bedplate_lambda::HandlerKey;
use tokio::process::Command;

/// A script to be played once.
pub(crate) struct Script {
    /// The Python file.
    pub(crate) path: PathBuf,
    /// Where the server answers.
    pub(crate) url: String,
    /// What requests are signed with, where they must be signed.
    pub(crate) key: Option<HandlerKey>,
    /// The region of the template's resources.
    pub(crate) region: String,
    /// The file that says that it was played before; without it, it is played at each start.
    pub(crate) played: Option<PathBuf>,
}

impl Script {
    /// Plays it, if that has not been done. A failure is told and ends nothing.
    pub(crate) async fn run(self) {
        if self.played.as_deref().is_some_and(Path::exists) {
            return;
        }
        let python = python();
        println!("\nplays     {} {}", python.display(), self.path.display());
        let (access_key, secret) = match &self.key {
            Some(key) => (key.access_key.as_str(), key.secret.as_str()),
            None => ("local", "local"),
        };
        let mut command = Command::new(&python);
        command
            .arg(&self.path)
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", access_key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE")
            .env("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(self.key.as_ref().map(|key| ("AWS_SESSION_TOKEN", &key.session_token)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        match command.status().await {
            Ok(status) if status.success() => self.note(),
            Ok(_) => eprintln!("bedplate: {} did not end well", self.path.display()),
            Err(error) => eprintln!("bedplate: {} cannot be started: {error}", python.display()),
        }
    }

    fn note(&self) {
        let Some(played) = &self.played else { return };
        let written = played
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(played, ""));
        if let Err(error) = written {
            eprintln!("bedplate: {}: {error}", played.display());
        }
    }
}

/// The Python of a virtual environment in this folder, where boto3 will be when somebody installed it as the READMEs say; else that of the machine.
fn python() -> PathBuf {
    let own = Path::new(".venv/bin/python");
    if own.exists() { own.to_owned() } else { "python3".into() }
}
