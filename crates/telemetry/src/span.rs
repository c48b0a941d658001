//! Spans and their ids.
//!
//! Ids follow from the journal: a request's id makes its trace and its root, an effect's key makes the span of a call. So a tool that was told
//! its parent before a crash finds it after the crash too, and nothing about traces is stored but what the client sent.

use bedplate_base::{Timestamp, sha256};
use bedplate_journal::{EffectKey, ExecId};

/// A trace's id.
pub(crate) type TraceId = [u8; 16];
/// A span's id within it.
pub(crate) type SpanId = [u8; 8];

/// Where a span hangs: a trace, a span above it, and whether it is wanted (W3C trace context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) sampled: bool,
}

/// One span, finished.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
    /// What went wrong, if something did.
    pub(crate) error: Option<String>,
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Internal = 1,
    Client = 3,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Text(String),
    Number(i64),
    Real(f64),
    Flag(bool),
    Texts(Vec<String>),
}

impl Context {
    /// Reads a `traceparent` header: `00-<32 digits>-<16 digits>-<2 digits>`. Later versions may say more behind that.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || version == "ff" || flags.len() != 2 || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let [_]: [u8; 1] = digits(version)?;
        let [flags]: [u8; 1] = digits(flags)?;
        let (trace, span) = (digits::<16>(trace)?, digits::<8>(span)?);
        (trace != [0; 16] && span != [0; 8]).then_some(Self {
            trace,
            span,
            sampled: flags & 1 == 1,
        })
    }

    /// The header.
    pub(crate) fn to_text(self) -> String {
        format!("00-{}-{}-{:02x}", hex(&self.trace), hex(&self.span), u8::from(self.sampled))
    }
}

/// The trace of a request that came with none.
pub(crate) fn trace_of(exec: &ExecId, request: &str) -> TraceId {
    first(format!("trace {exec} {request}").as_bytes())
}

/// The root span of a request.
pub(crate) fn root_of(exec: &ExecId, request: &str) -> SpanId {
    first(format!("span {exec} {request}").as_bytes())
}

/// The span of a call.
pub(crate) fn call_of(key: &EffectKey) -> SpanId {
    first(key.0.as_bytes())
}

fn first<const N: usize>(of: &[u8]) -> [u8; N] {
    let hash = sha256(of);
    let mut id = [0; N];
    id.copy_from_slice(&hash.0[..N]);
    id
}

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(lower) {
        return None;
    }
    let mut out = [0; N];
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(out)
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_strictly() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Context::parse(good).unwrap().to_text(), good);
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what-comes";
        assert!(!Context::parse(later).unwrap().sampled);
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
        ] {
            assert_eq!(Context::parse(bad), None, "{bad}");
        }
    }
}
