//! When a request was signed, and whether that is now.

use std::time::Duration;

use bedplate_base::Timestamp;
use bedplate_sigv4::basic;
use http::header;

use super::{Denied, Head};

/// How far the clocks of client and server may be apart. Bedrock's own messages name five minutes.
pub(super) const SKEW: Duration = Duration::from_secs(5 * 60);
/// How long a presigned URL may live: a week (SigV4, `X-Amz-Expires`).
const EXPIRES_MAX: u64 = 7 * 24 * 60 * 60;

/// The time of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// In the basic form, as it is signed: `20261121T150405Z`.
    pub(super) text: String,
    at: Timestamp,
}

impl Signed {
    /// From `x-amz-date`, or `date` where that is missing.
    pub(super) fn of_headers(head: &Head<'_>) -> Result<Self, Denied> {
        let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        match (text("x-amz-date"), text(header::DATE.as_str())) {
            (Some(date), _) => Self::of_basic(date, "X-Amz-Date"),
            (None, Some(date)) => {
                // A year that our times cannot hold is none that a request was signed in.
                let read = jiff::fmt::rfc2822::parse(date).ok();
                let at = read
                    .and_then(|zoned| i64::try_from(zoned.timestamp().as_nanosecond()).ok())
                    .map(Timestamp);
                match at {
                    Some(at) => Ok(Self { text: basic(at), at }),
                    None => Self::of_basic(date, "Date"),
                }
            }
            (None, None) => Err(Denied::incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            )),
        }
    }

    /// From the basic form; `place` is where it stood.
    pub(super) fn of_basic(text: &str, place: &str) -> Result<Self, Denied> {
        read_basic(text).map(|at| Self { text: text.to_owned(), at }).ok_or_else(|| {
            Denied::incomplete(format!(
                "{place} must be a time in ISO 8601's basic form in UTC, such as 20261121T150405Z."
            ))
        })
    }

    /// Whether the scope names the same day.
    pub(super) fn fits(&self, scope_date: &str) -> Result<(), Denied> {
        let day = &self.text[..8];
        if day == scope_date {
            return Ok(());
        }
        Err(Denied::invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope_date}' != '{day}', from '{}'.",
            self.text
        )))
    }

    /// Whether a signature in headers is of now.
    pub(super) fn is_now(&self, now: Timestamp) -> Result<(), Denied> {
        self.not_before(now)?;
        if now.since(self.at) <= SKEW {
            return Ok(());
        }
        Err(Denied::invalid(format!(
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            self.text,
            basic(Timestamp(now.0.saturating_sub(nanos(SKEW)))),
            basic(now)
        )))
    }

    /// Whether a presigned URL that lives for `expires` seconds is still good.
    pub(super) fn lives(&self, expires: &str, now: Timestamp) -> Result<(), Denied> {
        let seconds = expires.parse::<u64>().ok().filter(|seconds| (1..=EXPIRES_MAX).contains(seconds));
        let Some(seconds) = seconds.filter(|_| expires.bytes().all(|byte| byte.is_ascii_digit())) else {
            let message = format!("X-Amz-Expires must be a number of seconds from 1 to {EXPIRES_MAX} (a week).");
            return Err(Denied::incomplete(message));
        };
        self.not_before(now)?;
        let life = Duration::from_secs(seconds);
        if now.since(self.at) <= life {
            return Ok(());
        }
        Err(Denied::invalid(format!(
            "Signature expired: {} is now earlier than {} ({} - {seconds} s.)",
            self.text,
            basic(Timestamp(now.0.saturating_sub(nanos(life)))),
            basic(now)
        )))
    }

    fn not_before(&self, now: Timestamp) -> Result<(), Denied> {
        if self.at.since(now) <= SKEW {
            return Ok(());
        }
        Err(Denied::invalid(format!(
            "Signature not yet current: {} is still later than {} ({} + 5 min.)",
            self.text,
            basic(now + SKEW),
            basic(now)
        )))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn read_basic(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if text.len() != 16 || text.as_bytes().get(8) != Some(&b'T') || !text.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    Timestamp::parse_iso(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_any_year_are_read_or_refused() {
        for (date, text) in [
            ("Sat, 21 Nov 2026 15:04:05 GMT", Some("20261121T150405Z")),
            ("20261121T150405Z", Some("20261121T150405Z")),
            ("Sat, 01 Jan 0000 00:00:00 GMT", None),
            ("Fri, 31 Dec 9999 00:00:00 GMT", None),
            ("00000101T000000Z", None),
            ("", None),
        ] {
            let headers = http::HeaderMap::from_iter([(header::DATE, date.parse().unwrap())]);
            let (method, uri) = (http::Method::GET, http::Uri::from_static("/"));
            let head = Head {
                method: &method,
                uri: &uri,
                headers: &headers,
            };
            let signed = Signed::of_headers(&head).ok().map(|signed| signed.text);
            assert_eq!(signed.as_deref(), text, "{date}");
        }
    }
}
