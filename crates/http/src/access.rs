//! One log line per request, written when its response is over. No header and no query is ever in it: they hold credentials.

use std::time::Instant;

use http::{Method, StatusCode};

use crate::metrics::Finished;

/// Characters of a path that are logged.
const PATH_MAX: usize = 256;

/// The line of one request; it is written when this is dropped.
pub(crate) struct Line {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) operation: String,
    pub(crate) request_id: String,
    pub(crate) status: Option<StatusCode>,
    pub(crate) bytes: u64,
    /// Whether the whole response was handed to the connection.
    pub(crate) whole: bool,
    started: Instant,
    finished: Option<Finished>,
}

impl Line {
    pub(crate) fn new(method: &Method, path: &str, request_id: &str, finished: Option<Finished>) -> Self {
        Self {
            method: method.clone(),
            path: path.chars().take(PATH_MAX).collect(),
            operation: "-".to_owned(),
            request_id: request_id.to_owned(),
            status: None,
            bytes: 0,
            whole: false,
            started: Instant::now(),
            finished,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (status, time) = (self.status.map_or(0, |status| status.as_u16()), self.started.elapsed());
        if let Some(finished) = &self.finished {
            finished(&self.operation, status, time);
        }
        let end = match (self.status, self.whole) {
            (None, _) => "left before the answer",
            (Some(_), true) => "whole",
            (Some(_), false) => "cut off",
        };
        tracing::info!(
            target: "bedplate::access",
            method = %self.method,
            path = %self.path,
            operation = %self.operation,
            status,
            bytes = self.bytes,
            ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            request_id = %self.request_id,
            end,
            "request"
        );
    }
}
