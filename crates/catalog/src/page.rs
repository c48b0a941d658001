//! Pages with opaque tokens.

use bedplate_base::{Error, Result};
use bedplate_store::Page;

use crate::{Catalog, Document, document};

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The documents, in key order.
    pub documents: Vec<Document>,
    /// Continues the listing; none at its end.
    pub next_token: Option<String>,
}

impl Catalog {
    /// Documents whose key begins with `prefix`: a page of at most `limit`, after where `token` ended.
    ///
    /// # Errors
    /// `Validation` for a token that this listing did not give.
    pub async fn list(&self, prefix: &str, limit: usize, token: Option<&str>) -> Result<Listing> {
        let after = token.map(|token| decode(prefix, token)).transpose()?;
        let mut rows = self
            .store
            .resources(
                prefix,
                Page {
                    after,
                    limit: limit + 1,
                    backwards: false,
                },
            )
            .await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_token = match rows.last() {
            Some(last) if more => Some(encode(prefix, &last.key)),
            _ => None,
        };
        Ok(Listing {
            documents: rows.into_iter().map(document).collect::<Result<_>>()?,
            next_token,
        })
    }
}

/// Hexadecimal of the key's rest, with a check so that a token of another listing is noticed.
fn encode(prefix: &str, key: &str) -> String {
    let rest = &key[prefix.len()..];
    let hex: String = rest.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}{hex}", mark(prefix, rest))
}

fn decode(prefix: &str, token: &str) -> Result<String> {
    let invalid = || Error::validation("The nextToken is invalid. Use the token of the previous page of the same listing.");
    if !token.is_ascii() || token.len() < 8 || token.len() > 4_096 || !token.len().is_multiple_of(2) {
        return Err(invalid());
    }
    let (check, hex) = token.split_at(8);
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect();
    let rest = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
    if mark(prefix, &rest) != check {
        return Err(invalid());
    }
    Ok(format!("{prefix}{rest}"))
}

fn mark(prefix: &str, rest: &str) -> String {
    bedplate_base::sha256(format!("{prefix}\u{1f}{rest}").as_bytes()).to_string()[..8].to_owned()
}
