//! Tokens of callbacks: whoever holds one may settle its call, once. Derived from the server key, so nothing is stored.

use bedplate_journal::{CallId, ExecId};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The token of a call: proof, call and execution, `HEX.NUMBER.EXECUTION`. At most 64 + 22 + `ExecId::BYTES_MAX` bytes; AWS's task tokens have
/// at most 1,024.
pub(crate) fn token(key: &[u8; 32], exec: &ExecId, call: CallId) -> String {
    let proof = proof(key, exec, call).finalize().into_bytes();
    let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{}.{exec}", call.0)
}

/// The call that a token is for; none when the token is not ours.
pub(crate) fn call_of(key: &[u8; 32], token: &str) -> Option<(ExecId, CallId)> {
    let mut parts = token.splitn(3, '.');
    let (hex, call, exec) = (parts.next()?, parts.next()?, parts.next()?);
    let (exec, call) = (ExecId::new(exec), CallId(call.parse().ok()?));
    let mut given = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (index, byte) in given.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).ok()?;
    }
    // Compares in constant time.
    proof(key, &exec, call).verify_slice(&given).ok()?;
    Some((exec, call))
}

fn proof(key: &[u8; 32], exec: &ExecId, call: CallId) -> Hmac<Sha256> {
    let mut proof = Hmac::<Sha256>::new_from_slice(key).expect("invariant: any length of key will do");
    proof.update(b"callback\x1f");
    proof.update(&call.0.to_be_bytes());
    proof.update(exec.as_str().as_bytes());
    proof
}
