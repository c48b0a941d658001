//! What the verbs take at most, and how long they wait.

use std::time::Duration;

/// Bytes of one event-stream frame: botocore refuses frames over 24 MiB.
pub(crate) const FRAME_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes of an answer that is not a stream. Ours: a stored session of the longest kind.
pub(crate) const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes of one line or of a text on stdin: InvokeAgent's `inputText` (the API model's maximum).
pub(crate) const INPUT_BYTES_MAX: u64 = 25_000_000;
/// Bytes of `.bedplate/server.json`. Ours.
pub(crate) const SERVER_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Folders that are searched upward for `.bedplate/server.json`. Ours.
pub(crate) const FOLDERS_UP_MAX: usize = 64;
/// Questions that one turn may ask. Ours: an agent makes at most 25 model calls in a turn.
pub(crate) const QUESTIONS_MAX: usize = 100;
/// Sessions that `session list` sorts by time. Ours.
pub(crate) const SESSIONS_MAX: usize = 2_000;
/// Time to connect: the server is on this machine or near.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for an answer of the admin door.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
