//! How asynchronous invokes ended: records for destinations, and the files of those that failed for the last time.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bedplate_base::{Error, Result, Timestamp};
use bedplate_lambda::{LATEST, Reference};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Bytes of one file of dead letters; it then begins anew, and the one before is kept (ours).
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why an invoke is over, in the words of AWS's records (developer guide, "Asynchronous invocation records").
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The function has answered.
    Success,
    /// It failed as often as it is called.
    RetriesExhausted,
    /// The event got too old.
    EventAgeExceeded,
}

/// What became of an invoke.
pub(crate) struct End<'a> {
    pub(crate) condition: Condition,
    /// The qualified ARN.
    pub(crate) function: &'a str,
    pub(crate) request_id: &'a str,
    /// How often the function was called.
    pub(crate) count: u64,
    /// JSON text.
    pub(crate) request: &'a str,
    /// The version that ran and its answer, when it ran at last.
    pub(crate) response: Option<(String, &'a [u8])>,
    /// Why it could not be called, otherwise.
    pub(crate) refusal: Option<&'a str>,
}

impl End<'_> {
    /// The record as destinations get it.
    pub(crate) fn record(&self, now: Timestamp) -> String {
        let condition = match self.condition {
            Condition::Success => "Success",
            Condition::RetriesExhausted => "RetriesExhausted",
            Condition::EventAgeExceeded => "EventAgeExceeded",
        };
        let qualified = Reference::parse(self.function).is_ok_and(|reference| reference.qualifier.is_some());
        let function = if qualified {
            self.function.to_owned()
        } else {
            format!("{}:{LATEST}", self.function)
        };
        let mut record = json!({
            "version": "1.0",
            "timestamp": Timestamp::from_millis(now.millis()).iso(),
            "requestContext": {
                "requestId": self.request_id, "functionArn": function, "condition": condition, "approximateInvokeCount": self.count,
            },
            "requestPayload": raw(self.request.as_bytes()),
        });
        if let Some((version, payload)) = &self.response {
            record["responseContext"] = json!({"statusCode": 200, "executedVersion": version});
            if self.condition != Condition::Success {
                record["responseContext"]["functionError"] = "Unhandled".into();
            }
            record["responsePayload"] = raw(payload);
        }
        if let Some(refusal) = self.refusal {
            record["responseContext"] = json!({"error": refusal});
        }
        record.to_string()
    }
}

/// JSON as JSON, other bytes as text.
fn raw(bytes: &[u8]) -> Value {
    let parsed = serde_json::from_slice::<&RawValue>(bytes)
        .ok()
        .and_then(|raw| serde_json::from_str(raw.get()).ok());
    parsed.unwrap_or_else(|| String::from_utf8_lossy(bytes).into())
}

/// Appends a record to the function's file in `folder`; it is on the disk when this returns.
pub(crate) async fn bury(folder: PathBuf, function: &str, record: String) -> Result<()> {
    let name = Reference::parse(function)?.name;
    let written = tokio::task::spawn_blocking(move || append(&folder, &name, &record)).await;
    let failed = |error: std::io::Error| Error::internal("A dead letter cannot be written").with_source(error);
    match written {
        Ok(written) => written.map_err(failed),
        Err(error) => Err(failed(std::io::Error::other(error))),
    }
}

/// One file is written or begun anew at a time.
static WRITING: Mutex<()> = Mutex::new(());

fn append(folder: &Path, name: &str, record: &str) -> std::io::Result<()> {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.jsonl"));
    if fs::metadata(&path).is_ok_and(|meta| meta.len() + record.len() as u64 > FILE_BYTES_MAX) {
        fs::rename(&path, folder.join(format!("{name}.before.jsonl")))?;
    }
    let mut file = fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // A line that a crash or a full disk cut off must not spoil this one.
    let separator = if last == *b"\n" { "" } else { "\n" };
    file.write_all(format!("{separator}{record}\n").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::append;

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.jsonl");
        append(folder.path(), "f", "1").unwrap();
        std::fs::write(&path, "1\n{\"cut").unwrap();
        append(folder.path(), "f", "2").unwrap();
        append(folder.path(), "f", "3").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n{\"cut\n2\n3\n");
    }
}
