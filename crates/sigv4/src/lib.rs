//! Signature Version 4, the half that client and server share: the canonical request, the signing key, and [`sign`] for whoever sends.
//!
//! A crate of its own because it is needed on several floors: the listener verifies with it and signs anew for an upstream, the verbs sign
//! towards servers with keys, a function on another Lambda endpoint and Amazon Bedrock as a provider are called with it. It refuses to know
//! sockets, HTTP clients, where credentials come from and what a request means. Pure: the time is handed in.
//!
//! ```ignore
//! let headers: HeaderMap = …;                      // `host` is in it, and whatever else is sent
//! let request = Request { method: &Method::POST, target: "/model/a%3Ab/converse?x=1", headers: &headers, body: b"{}" };
//! let credentials = Credentials { access_key: "AKIA…", secret: "…", session_token: None };
//! let scope = Scope { region: "us-east-1", service: "bedrock", at: clock.now() };
//! for (name, value) in sign(&request, &credentials, &scope)? { headers.insert(name, value); }
//! ```
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

pub mod canonical;
mod hex;
mod key;
mod sign;
mod time;

pub use hex::{hex, read_hex};
pub use key::{Signing, sha256};
pub use sign::{Credentials, Request, Scope, Unsignable, sign};
pub use time::basic;

/// The one algorithm.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
