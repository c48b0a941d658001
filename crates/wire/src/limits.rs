//! What a request may be at most. Everything here is checked before memory is spent on it.

/// Bytes of a request body. Lambda accepts zips of 50 MB, which base64 makes 67 MB (Lambda quotas); InvokeAgent's `inputText` may hold
/// 25,000,000 characters (service model).
pub const BODY_BYTES_MAX: usize = 72 * 1024 * 1024;

/// Nesting of JSON. Ours: the deepest structure of the six models is far below; stops stack exhaustion.
pub const JSON_DEPTH_MAX: usize = 100;

/// JSON values in one body, scalars and containers together. Ours: bounds the memory that a small body of `[[[[…` can ask for.
pub const JSON_VALUES_MAX: usize = 1_000_000;

/// Bytes of a raw path and of a raw query. Ours: common HTTP servers stop at 8 KiB; labels may hold encoded ARNs of 2,048 characters.
pub const URI_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a form. Ours: a policy document of 131,072 characters (IAM's service model), each escaped as up to twelve bytes.
pub const FORM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Pairs of a query, and of a form. Ours.
pub const QUERY_PAIRS_MAX: usize = 1_000;

/// Violations listed in one answer; the number in its text is the true one. Ours: a list of 100,000 bad items must not give a huge answer.
pub const VIOLATIONS_SHOWN_MAX: usize = 100;

/// Characters of a value repeated in a violation's text. Ours.
pub const VALUE_SHOWN_CHARS_MAX: usize = 1_024;

/// Bytes of an event-stream frame. botocore refuses frames over 24 MiB.
pub const FRAME_BYTES_MAX: usize = 24 * 1024 * 1024;
