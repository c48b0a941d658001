//! Bodies in the frames of `aws-chunked`: `SIZE;chunk-signature=HEX`, the bytes, and an empty frame at the end. Each signature covers the
//! one before it, so that frames can be neither left out nor moved. Behind the last frame there may be trailers, which have a signature too.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

use bedplate_sigv4::{Signing, hex, read_hex, sha256};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Denied;

/// Bytes of a frame's first line, or of a trailer. A size has at most 16 digits and a signature 64; extensions of other algorithms are longer.
const LINE_MAX: usize = 512;
/// Trailers of one body. SDKs send a checksum and its signature.
const TRAILERS_MAX: usize = 16;
const SIGNATURE: &str = "chunk-signature=";
const KIND: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";
const TRAILER_KIND: &str = "AWS4-HMAC-SHA256-TRAILER";

/// The signatures of frames, in a row.
#[derive(Debug)]
pub(crate) struct Chain {
    signing: Signing,
    last: [u8; 32],
    length: Option<usize>,
    /// Whether trailers come behind the frames, and their signature.
    trailers: bool,
    /// Whether that signature has come.
    closed: bool,
}

impl Chain {
    /// From the signature of the head; `length` is that of the body without frames, when the head says it.
    pub(super) fn new(signing: Signing, seed: [u8; 32], length: Option<usize>) -> Self {
        Self {
            signing,
            last: seed,
            length,
            trailers: false,
            closed: false,
        }
    }

    /// The same for a body that ends with signed trailers.
    pub(super) fn with_trailers(self) -> Self {
        Self { trailers: true, ..self }
    }

    fn check(&mut self, hash: &[u8; 32], extension: &str) -> Result<(), Denied> {
        let text = extension
            .strip_prefix(SIGNATURE)
            .ok_or_else(|| Denied::garbled(format!("A frame of the body lacks its {SIGNATURE}.")))?;
        let empty = hex(&sha256(b""));
        self.step(text, KIND, &format!("{empty}\n{}", hex(hash)))
    }

    fn check_trailers(&mut self, canonical: &str, signature: &str) -> Result<(), Denied> {
        self.step(signature, TRAILER_KIND, &hex(&sha256(canonical.as_bytes())))?;
        self.closed = true;
        Ok(())
    }

    fn step(&mut self, given: &str, kind: &str, what: &str) -> Result<(), Denied> {
        let given = read_hex(given).ok_or_else(Denied::mismatch)?;
        let Signing { time, scope, .. } = &self.signing;
        let last = hex(&self.last);
        let right = self.signing.sign(format!("{kind}\n{time}\n{scope}\n{last}\n{what}").as_bytes());
        if !bool::from(right.ct_eq(&given)) {
            return Err(Denied::mismatch());
        }
        self.last = right;
        Ok(())
    }
}

/// Takes a body out of its frames as it comes. With a chain every frame has to be signed and nothing unsigned may follow the last one; without,
/// signatures are not looked at.
#[derive(Debug)]
pub(crate) struct Frames {
    chain: Option<Chain>,
    at: At,
    /// What has come and is not understood yet: part of a line.
    rest: BytesMut,
    extension: String,
    hash: Sha256,
    /// Bytes without frames so far.
    length: usize,
    trailers: Vec<(String, String)>,
}

#[derive(Debug)]
enum At {
    /// Before the first line of a frame.
    Head,
    /// Inside a frame that has so many bytes more.
    Data(usize),
    /// Before the line end behind a frame.
    DataEnd,
    /// Behind the last frame.
    Trailers,
    /// Behind everything.
    End,
}

impl Frames {
    pub(super) fn new(chain: Option<Chain>) -> Self {
        Self {
            chain,
            at: At::Head,
            rest: BytesMut::new(),
            extension: String::new(),
            hash: Sha256::new(),
            length: 0,
            trailers: Vec::new(),
        }
    }

    /// Takes the next bytes as they came; gives what of the body is in them. They are verified when their frame ends: who uses them before must be
    /// able to forget them.
    pub(crate) fn feed(&mut self, mut bytes: Bytes) -> Result<Vec<Bytes>, Denied> {
        let mut out = Vec::new();
        loop {
            match self.at {
                At::Data(left) => {
                    if bytes.is_empty() {
                        return Ok(out);
                    }
                    let data = bytes.split_to(left.min(bytes.len()));
                    if self.chain.is_some() {
                        self.hash.update(&data);
                    }
                    self.length += data.len();
                    self.at = match left - data.len() {
                        0 => {
                            self.close()?;
                            At::DataEnd
                        }
                        left => At::Data(left),
                    };
                    out.push(data);
                }
                At::Head => {
                    let what = "a frame does not begin with a line of its size";
                    let Some(line) = self.line(&mut bytes, what)? else { return Ok(out) };
                    self.head(&line)?;
                }
                At::DataEnd => {
                    let what = "a frame does not end with a line end";
                    match self.line(&mut bytes, what)? {
                        None => return Ok(out),
                        Some(line) if line.is_empty() => self.at = At::Head,
                        Some(_) => return Err(broken(what)),
                    }
                }
                At::Trailers => {
                    let Some(line) = self.line(&mut bytes, "a trailer is not a line")? else {
                        return Ok(out);
                    };
                    self.trailer(&line)?;
                }
                At::End if bytes.is_empty() => return Ok(out),
                At::End => return Err(broken("something follows the last frame")),
            }
        }
    }

    /// The end of the body: its trailers.
    pub(crate) fn finish(mut self) -> Result<HeaderMap, Denied> {
        match self.at {
            // The line end after the last frame may be missing.
            At::End => {}
            At::Trailers if self.rest.is_empty() => self.end()?,
            At::Data(_) => return Err(broken("a frame is longer than the body")),
            At::DataEnd => return Err(broken("a frame does not end with a line end")),
            At::Head | At::Trailers => return Err(broken("a frame does not begin with a line of its size")),
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.trailers {
            let named = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(value)) = named else {
                return Err(broken("a trailer is no header"));
            };
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// The next whole line without its end; nothing when it has not come yet.
    fn line(&mut self, bytes: &mut Bytes, what: &str) -> Result<Option<String>, Denied> {
        let room = LINE_MAX.saturating_sub(self.rest.len());
        match bytes.iter().take(room).position(|byte| *byte == b'\n') {
            Some(end) => {
                self.rest.extend_from_slice(&bytes[..=end]);
                bytes.advance(end + 1);
            }
            None if bytes.len() >= room => return Err(broken(what)),
            None => {
                self.rest.extend_from_slice(bytes);
                bytes.clear();
                return Ok(None);
            }
        }
        let line = std::mem::take(&mut self.rest);
        // AWS's own example has trailers that end with a line feed alone.
        let bare = matches!(self.at, At::Trailers).then_some("\n");
        let text = std::str::from_utf8(&line).ok();
        let text = text.and_then(|line| line.strip_suffix("\r\n").or_else(|| line.strip_suffix(bare?)));
        text.map(|text| Some(text.to_owned())).ok_or_else(|| broken(what))
    }

    fn head(&mut self, line: &str) -> Result<(), Denied> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = (size.len() <= 16 && size.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| usize::from_str_radix(size, 16).ok())
            .flatten()
            .ok_or_else(|| broken("the size of a frame is not a hexadecimal number"))?;
        self.extension = extension.to_owned();
        self.at = At::Data(size);
        if size == 0 {
            self.close()?;
            self.at = At::Trailers;
        }
        Ok(())
    }

    /// The end of a frame's bytes.
    fn close(&mut self) -> Result<(), Denied> {
        let hash = std::mem::take(&mut self.hash).finalize().into();
        match &mut self.chain {
            Some(chain) => chain.check(&hash, &self.extension),
            None => Ok(()),
        }
    }

    fn trailer(&mut self, line: &str) -> Result<(), Denied> {
        if line.is_empty() {
            // SDKs put empty lines before the signature of trailers, or behind it.
            return if self.awaits_signature() { Ok(()) } else { self.end() };
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a trailer is not a name and a value"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match &mut self.chain {
            Some(chain) if !chain.trailers => Err(broken("something follows the last frame")),
            Some(chain) if name == TRAILER_SIGNATURE => {
                let canonical: String = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
                chain.check_trailers(&canonical, value)
            }
            Some(chain) if chain.closed => Err(broken("something follows the signature of the trailers")),
            _ if self.trailers.len() >= TRAILERS_MAX => Err(broken("there are too many trailers")),
            _ => {
                self.trailers.push((name, value.to_owned()));
                Ok(())
            }
        }
    }

    /// Whether trailers have come whose signature has not.
    fn awaits_signature(&self) -> bool {
        let open = self.chain.as_ref().is_some_and(|chain| chain.trailers && !chain.closed);
        open && !self.trailers.is_empty()
    }

    /// Everything is there.
    fn end(&mut self) -> Result<(), Denied> {
        if self.awaits_signature() {
            return Err(broken("the trailers are not signed"));
        }
        if let Some(length) = self.chain.as_ref().and_then(|chain| chain.length)
            && length != self.length
        {
            return Err(broken("x-amz-decoded-content-length names another length"));
        }
        self.at = At::End;
        Ok(())
    }
}

/// Takes a body out of its frames at once.
pub(super) fn decode(body: Bytes, chain: Option<Chain>) -> Result<Bytes, Denied> {
    let mut frames = Frames::new(chain);
    let mut out = BytesMut::with_capacity(body.len());
    for data in frames.feed(body)? {
        out.extend_from_slice(&data);
    }
    frames.finish()?;
    Ok(out.freeze())
}

fn broken(what: &str) -> Denied {
    Denied::garbled(format!("The aws-chunked body cannot be read: {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    fn signing() -> Signing {
        Signing::derive("secret", "20261121T150405Z", ["20261121", "us-east-1", "s3"])
    }

    fn step(last: &mut [u8; 32], kind: &str, what: &str) -> String {
        let signing = signing();
        let text = format!("{kind}\n{}\n{}\n{}\n{what}", signing.time, signing.scope, hex(last));
        *last = signing.sign(text.as_bytes());
        hex(last)
    }

    /// A body as Java's SDK sends it over plain HTTP.
    fn signed(frames: &[&str], trailers: &str) -> String {
        let (mut last, mut body) = (SEED, String::new());
        for frame in frames.iter().chain([&""]) {
            let what = format!("{}\n{}", hex(&sha256(b"")), hex(&sha256(frame.as_bytes())));
            let signature = step(&mut last, KIND, &what);
            body.push_str(&format!("{:x};{SIGNATURE}{signature}\r\n{frame}", frame.len()));
            if !frame.is_empty() {
                body.push_str("\r\n");
            }
        }
        let signature = step(&mut last, TRAILER_KIND, &hex(&sha256(trailers.as_bytes())));
        format!("{body}{}{TRAILER_SIGNATURE}:{signature}\r\n\r\n", trailers.replace('\n', "\r\n"))
    }

    /// What comes of a body that arrives in pieces of so many bytes.
    fn read(body: &str, piece: usize, length: usize) -> Result<(Vec<u8>, HeaderMap), Denied> {
        let chain = Chain::new(signing(), SEED, Some(length)).with_trailers();
        let mut frames = Frames::new(Some(chain));
        let mut out = Vec::new();
        for piece in body.as_bytes().chunks(piece) {
            for data in frames.feed(Bytes::copy_from_slice(piece))? {
                out.extend_from_slice(&data);
            }
        }
        Ok((out, frames.finish()?))
    }

    #[test]
    fn signed_trailers_pass_however_they_come() {
        let body = signed(&["hello ", "world"], "x-amz-checksum-crc32:DUoRhQ==\n");
        for piece in [1, 2, 3, 7, 64, body.len()] {
            let (data, trailers) = read(&body, piece, 11).unwrap();
            assert_eq!(data, b"hello world");
            assert_eq!(trailers["x-amz-checksum-crc32"], "DUoRhQ==");
            assert_eq!(trailers.len(), 1);
        }
    }

    #[test]
    fn spoiled_trailers_are_refused() {
        let body = signed(&["hello"], "x-amz-checksum-crc32:DUoRhQ==\n");
        let unsigned = &body[..body.find(TRAILER_SIGNATURE).unwrap()];
        let many = format!("{unsigned}{}", "a:b\r\n".repeat(20));
        for wrong in [
            body.replace("DUoRhQ", "AAAAAA"),
            body.replace("crc32", "sha256"),
            body.replace("hello", "hullo"),
            unsigned.to_owned(),
            format!("{unsigned}\r\n"),
            format!("{}x-other:1\r\n\r\n", &body[..body.len() - 2]),
            format!("{body}more"),
            body[..body.len() - 20].to_owned(),
            body[..20].to_owned(),
            many,
        ] {
            for piece in [1, wrong.len()] {
                assert!(read(&wrong, piece, 5).is_err(), "{wrong}");
            }
        }
        assert!(read(&body, 1, 6).is_err(), "another length");
    }

    #[test]
    fn a_line_that_does_not_end_is_not_gathered() {
        let mut frames = Frames::new(None);
        assert!(frames.feed(Bytes::from(vec![b'1'; LINE_MAX + 1])).is_err());
    }
}
