//! Client tokens: a create that is sent again is answered with what the first one made.

use bedplate_base::{Error, Result, sha256};
use serde_json::{Value, json};

use crate::{Catalog, Change, key};

/// A client token of one operation in one place.
#[derive(Clone, Debug)]
pub struct Token {
    key: String,
    request: String,
}

impl Token {
    /// The token of an operation; `request` is the request without the token: the same token with another request is a
    /// conflict.
    pub fn new(place: &str, operation: &str, token: &str, request: &Value) -> Self {
        Self {
            key: key(&["token", place, operation, token]),
            request: sha256(request.to_string().as_bytes()).to_string(),
        }
    }
}

impl Change {
    /// Remembers, together with the rest, that `token` made `resource` (its key).
    pub fn token(self, token: &Token, resource: &str) -> Self {
        self.put(token.key.clone(), &json!({"request": token.request, "resource": resource}))
    }
}

impl Catalog {
    /// The key of the resource that an earlier request with this token made.
    ///
    /// # Errors
    /// `Conflict` when that request was another one.
    pub async fn made_by(&self, token: &Token) -> Result<Option<String>> {
        let Some(found) = self.get(&token.key).await? else {
            return Ok(None);
        };
        if found.body["request"].as_str() != Some(&token.request) {
            return Err(Error::conflict(
                "The clientToken was used before by a request with other parameters. Send the same parameters, or a new token.",
            ));
        }
        Ok(found.body["resource"].as_str().map(str::to_owned))
    }
}
