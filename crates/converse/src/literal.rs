//! JSON text written by hand where it is written most: a transcript goes out with every model call, and into every trace as a text inside a text.
//!
//! Written once with the escapes that the outer text needs, it is not gone through a second time.

use serde::Serialize;

use crate::{Block, Message, Request, ResultPart, ToolStatus};

/// Each byte of it has the value 1, the value 128.
const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Appends `text` as a JSON string.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text.as_bytes());
    out.push(b'"');
}

/// Appends `bytes`, a part of UTF-8 text, as it stands inside a JSON string.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    each_run(out, bytes, |out, byte| match short(byte) {
        Some(letter) => out.extend_from_slice(&[b'\\', letter]),
        None => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
    });
}

/// The same inside a JSON string that stands inside a JSON string.
fn escape_twice(out: &mut Vec<u8>, bytes: &[u8]) {
    each_run(out, bytes, |out, byte| match short(byte) {
        Some(letter @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', b'\\', b'\\', letter]),
        Some(letter) => out.extend_from_slice(&[b'\\', b'\\', letter]),
        None => out.extend_from_slice(&[b'\\', b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
    });
}

/// Copies what needs no escape, run by run, and gives what does to `special`.
fn each_run(out: &mut Vec<u8>, bytes: &[u8], special: impl Fn(&mut Vec<u8>, u8)) {
    out.reserve(bytes.len() + 8);
    let mut rest = bytes;
    loop {
        let at = clean(rest);
        let (run, after) = rest.split_at(at);
        out.extend_from_slice(run);
        let Some((byte, after)) = after.split_first() else { return };
        special(out, *byte);
        rest = after;
    }
}

/// How many bytes at the beginning need no escape.
fn clean(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // The lowest mark is right; those above it may come from a borrow.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zeros(word ^ (ONES * u64::from(b'"')));
        let backslash = zeros(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let marks = (quote | backslash | control) & HIGHS;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let tail = &bytes[at..];
    at + tail.iter().position(|byte| is_special(*byte)).unwrap_or(tail.len())
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The letter of a short escape (RFC 8259, section 7).
fn short(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => return None,
    })
}

fn hex(half: u8) -> u8 {
    b"0123456789abcdef"[usize::from(half & 15)]
}

/// A JSON text inside a JSON string.
struct Inner {
    out: Vec<u8>,
}

impl Inner {
    /// What is JSON already.
    fn json(&mut self, json: &[u8]) {
        escape(&mut self.out, json);
    }

    fn string(&mut self, text: &str) {
        self.out.extend_from_slice(b"\\\"");
        escape_twice(&mut self.out, text.as_bytes());
        self.out.extend_from_slice(b"\\\"");
    }

    fn any(&mut self, value: &impl Serialize) {
        let json = serde_json::to_vec(value).expect("invariant: messages are plain data");
        self.json(&json);
    }

    fn list<T>(&mut self, items: &[T], one: impl Fn(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            self.out.push(if index == 0 { b'[' } else { b',' });
            one(self, item);
        }
        self.out.extend_from_slice(if items.is_empty() { b"[]" } else { b"]" });
    }

    fn message(&mut self, message: &Message) {
        self.out.extend_from_slice(br#"{\"role\":\""#);
        self.out.extend_from_slice(message.role.as_str().as_bytes());
        self.out.extend_from_slice(br#"\",\"content\":"#);
        self.list(&message.content, Self::block);
        self.out.push(b'}');
    }

    /// As `Block` is serialized.
    fn block(&mut self, block: &Block) {
        match block {
            Block::Text(text) => {
                self.out.extend_from_slice(br#"{\"text\":"#);
                self.string(text);
                self.out.push(b'}');
            }
            Block::ToolUse { id, name, input } => {
                self.out.extend_from_slice(br#"{\"toolUse\":{\"toolUseId\":"#);
                self.string(id);
                self.out.extend_from_slice(br#",\"name\":"#);
                self.string(name);
                self.out.extend_from_slice(br#",\"input\":"#);
                self.any(input);
                self.out.extend_from_slice(b"}}");
            }
            Block::ToolResult { id, content, status } => {
                self.out.extend_from_slice(br#"{\"toolResult\":{\"toolUseId\":"#);
                self.string(id);
                self.out.extend_from_slice(br#",\"content\":"#);
                self.list(content, Self::part);
                self.out.extend_from_slice(match status {
                    ToolStatus::Success => br#",\"status\":\"success\"}}"#,
                    ToolStatus::Error => br#",\"status\":\"error\"}}"#.as_slice(),
                });
            }
            rare => self.any(rare),
        }
    }

    fn part(&mut self, part: &ResultPart) {
        match part {
            ResultPart::Text(text) => {
                self.out.extend_from_slice(br#"{\"text\":"#);
                self.string(text);
                self.out.push(b'}');
            }
            rare => self.any(rare),
        }
    }
}

impl Request {
    /// [`Self::to_trace_text`] as a JSON string: the quotes around it, and its own escaped.
    pub fn to_trace_literal(&self) -> String {
        let mut inner = Inner {
            out: Vec::with_capacity(4096),
        };
        inner.out.extend_from_slice(br#""{\"system\":"#);
        inner.string(&self.system_text());
        inner.out.extend_from_slice(br#",\"messages\":"#);
        inner.list(&self.messages, |inner, message| inner.message(message));
        inner.out.extend_from_slice(b"}\"");
        String::from_utf8(inner.out).expect("invariant: pieces of texts, cut at ASCII signs")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::SystemBlock;

    /// Texts with every sign below 128 at every place of a word, and what lies beyond.
    fn texts() -> Vec<String> {
        let mut texts: Vec<String> = (0..0x80_u8)
            .flat_map(|byte| (0..10).map(move |at| format!("{}{}{}", "x".repeat(at), char::from(byte), "yz\u{1}é\"".repeat(at))))
            .collect();
        texts.extend(
            [
                "",
                "ü😀\u{2028}\u{7f}\u{80}",
                "\\\\\"\"\n\r\t\u{8}\u{c}\u{0}\u{1f}",
                "{\"a\":[1,\"b\"]}",
            ]
            .map(str::to_owned),
        );
        texts
    }

    #[test]
    fn strings_are_those_of_serde_json() {
        for text in texts() {
            let mut out = b"[".to_vec();
            push_string(&mut out, &text);
            assert_eq!(
                String::from_utf8(out),
                Ok(format!("[{}", serde_json::to_string(&text).expect("a text")))
            );
        }
    }

    #[test]
    fn the_literal_is_the_text_as_a_string() {
        let block = |text: &String| {
            [
                Block::Text(text.clone()),
                Block::ToolUse {
                    id: text.clone(),
                    name: "n".into(),
                    input: json!({text.clone(): [text, 1, null, {}]}),
                },
                Block::ToolResult {
                    id: "i".into(),
                    content: vec![ResultPart::Text(text.clone()), ResultPart::Json(json!([text]))],
                    status: ToolStatus::Error,
                },
                Block::tool_result("i", text.clone(), ToolStatus::Success),
                Block::Reasoning {
                    text: text.clone(),
                    signature: Some("s".into()),
                },
                Block::Other(json!({"searchResult": text})),
            ]
        };
        let texts = texts();
        let mut messages = vec![Arc::new(Message::default())];
        messages.extend(texts.iter().map(|text| {
            Arc::new(Message {
                role: if text.len() % 2 == 0 {
                    crate::Role::User
                } else {
                    crate::Role::Assistant
                },
                content: block(text).into(),
            })
        }));
        for messages in [Vec::new(), messages] {
            let request = Request {
                system: SystemBlock::text(texts.concat()),
                messages,
                ..Request::default()
            };
            let expected = serde_json::to_string(&request.to_trace_text()).expect("a text");
            assert_eq!(request.to_trace_literal(), expected);
        }
    }
}
