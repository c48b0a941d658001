//! Signs, where the rest of this module verifies: the same canonical request, in the form of the service that it is for.

use bedplate_base::Timestamp;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::claim::{ALGORITHM, hex};
use super::time::basic;
use super::verify::{Signing, sha256};
use super::{Head, canonical};

/// Who signs, and for what.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) access_key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// The headers that make a request signed; they are not in `headers` yet, while `host` and a session token are. Signed are `host`,
/// `content-type` and everything of AWS's.
pub(crate) fn headers(
    key: &Key<'_>,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: &Bytes,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let time = basic(now);
    let payload = hex(&sha256(body));
    let mut all = headers.clone();
    let mut added = vec![("x-amz-date", time.clone()), ("x-amz-content-sha256", payload.clone())];
    for (name, value) in &added {
        let value = value.parse().expect("invariant: digits and letters");
        all.insert(*name, value);
    }
    let mut names: Vec<String> = all.keys().map(|name| name.as_str().to_owned()).collect();
    names.retain(|name| matches!(name.as_str(), "host" | "content-type") || name.starts_with("x-amz-"));
    names.sort();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = match key.service {
        // S3's keys are paths as they are (SigV4, canonical URI).
        "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" => path.to_owned(),
        _ => canonical::paths(path).swap_remove(0),
    };
    let head = Head {
        method,
        uri: &Uri::from_static("/"),
        headers: &all,
    };
    let lines = canonical::headers(&head, &names).expect("invariant: every name is one of a header, and all of AWS's are named");
    let query = canonical::query(query);
    let request = [format!("{method}\n{path}\n{query}\n").as_bytes(), &lines, b"\n", payload.as_bytes()].concat();
    let signing = Signing::derive(key.secret, &time, [&time[..8], key.region, key.service]);
    let text = format!("{ALGORITHM}\n{time}\n{}\n{}", signing.scope, hex(&sha256(&request)));
    let signature = hex(&signing.sign(text.as_bytes()));
    let (scope, names) = (&signing.scope, names.join(";"));
    added.push((
        "authorization",
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            key.access_key
        ),
    ));
    added
}
