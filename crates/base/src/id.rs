//! Ids: the shapes that clients know, random or derived.

use crate::hash::sha256;

const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A fresh id of `len` upper-case letters and digits, as agents, aliases and action groups have (10 of them).
pub fn random_id(len: usize) -> String {
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes).expect("invariant: the system has a source of randomness");
    letters(&bytes)
}

/// A fresh UUID (version 4) in lower case: request ids.
pub fn random_uuid() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("invariant: the system has a source of randomness");
    uuid(bytes, 4)
}

/// A UUID (version 8) that follows from `parts`: the same parts give the same id in every run, so that ids inside
/// traces can be derived again from the journal.
pub fn uuid_from(parts: &[&str]) -> String {
    let hash = sha256(parts.join("\u{1f}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.0[..16]);
    uuid(bytes, 8)
}

/// An id of `len` (at most 32) upper-case letters and digits that follows from `parts`: template resources keep their
/// ids over `--ephemeral` runs.
pub fn id_from(parts: &[&str], len: usize) -> String {
    let hash = sha256(parts.join("\u{1f}").as_bytes());
    letters(&hash.0[..len.min(32)])
}

fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()] as char)
        .collect()
}

fn uuid(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = (bytes[6] & 0x0f) | (version << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}
