//! `credential_process`: a command of the user's own that writes keys as JSON (SDKs and tools reference guide, "Process credential provider").

use std::process::Stdio;
use std::time::Duration;

use bedplate_base::Timestamp;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::Keys;

/// How long the command may take. Ours: some ask a person to touch a key.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of its answer. Ours: tokens have some KiB.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Asks the command. What it says on its standard error goes to ours.
pub(crate) async fn ask(command: &str) -> Result<Keys, String> {
    let failed = |what: String| format!("its credential_process {what}");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let Some(stdout) = child.stdout.take() else {
        return Err(failed("has no standard output".into()));
    };
    let mut bytes = Vec::new();
    let run = async {
        stdout.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 > ANSWER_BYTES_MAX {
            child.start_kill()?;
        }
        child.wait().await
    };
    let status = match tokio::time::timeout(PATIENCE, run).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(failed(format!("cannot be read: {error}"))),
        Err(_) => return Err(failed(format!("did not end within {} s", PATIENCE.as_secs()))),
    };
    if bytes.len() as u64 > ANSWER_BYTES_MAX {
        return Err(failed(format!("writes more than {ANSWER_BYTES_MAX} bytes")));
    }
    if !status.success() {
        return Err(failed(format!("ended with {status}; the server's standard error has what it said")));
    }
    read(&bytes).map_err(failed)
}

/// The error must not quote what was read.
fn read(bytes: &[u8]) -> Result<Keys, String> {
    let wrong = |what: &str| format!("wrote no JSON with Version 1, AccessKeyId and SecretAccessKey ({what})");
    let answer: Answer = serde_json::from_slice(bytes).map_err(|error| wrong(&format!("{:?} error", error.classify())))?;
    if answer.version != 1 {
        return Err(wrong("the version is another"));
    }
    let expires = match answer.expiration.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(Timestamp::parse_iso(text).ok_or_else(|| wrong("Expiration is not a time of ISO 8601"))?),
        None => None,
    };
    let keys = Keys {
        access_key: answer.access_key_id,
        secret: answer.secret_access_key,
        session_token: answer.session_token.filter(|token| !token.is_empty()),
        expires,
    };
    keys.check().map_err(wrong)?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_commands_write() {
        let good = r#"echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2030-01-01T00:00:00Z"}'"#;
        let keys = ask(good).await.unwrap();
        assert_eq!(
            (keys.access_key.as_str(), keys.secret.as_str(), keys.session_token.as_deref()),
            ("A", "S", Some("T"))
        );
        assert_eq!(keys.expires.unwrap().iso(), "2030-01-01T00:00:00Z");
        for (command, told) in [
            ("exit 3", "ended with exit status: 3"),
            ("echo hush-secret", "no JSON"),
            ("yes", "more than"),
            (
                r#"echo '{"Version":2,"AccessKeyId":"A","SecretAccessKey":"hush-secret"}'"#,
                "version",
            ),
            (r#"echo '{"Version":1,"AccessKeyId":"A"}'"#, "no JSON"),
            (
                r#"echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hush-secret","Expiration":"soon"}'"#,
                "ISO 8601",
            ),
            (
                r#"echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":""}'"#,
                "secret access key is empty",
            ),
        ] {
            let error = ask(command).await.unwrap_err();
            assert!(error.contains(told) && !error.contains("hush"), "{command}: {error}");
        }
    }
}
