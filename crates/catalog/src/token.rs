//! Client tokens: a create that is sent again is answered with what the first one made.

use std::time::Duration;

use bedplate_base::{Error, Result, Timestamp, sha256};
use bedplate_store::{Batch, Expect, Page, ResourceWrite};
use serde_json::{Value, json};

use crate::{Catalog, Change, key};

/// What all keys of tokens begin with.
const PREFIX: &str = "token/";

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

/// A token that a change makes known.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    token: Token,
    resource: String,
}

impl Token {
    /// How long a token is remembered. Ours: AWS gives no figure, and no client tries again for a day.
    pub const KEPT: Duration = Duration::from_secs(24 * 3_600);
}

/// Tokens that one commit deletes.
const FORGOTTEN_AT_ONCE: usize = 256;

impl Change {
    /// Remembers, together with the rest, that `token` made `resource` (its key).
    pub fn token(mut self, token: &Token, resource: &str) -> Self {
        self.2.push(Use {
            token: token.clone(),
            resource: resource.to_owned(),
        });
        self
    }
}

impl Catalog {
    /// The key of the resource that an earlier request with this token made.
    ///
    /// # Errors
    /// `Conflict` when that request was another one.
    pub async fn made_by(&self, token: &Token) -> Result<Option<String>> {
        let Some(found) = self.get(&token.key).await?.filter(|found| !self.is_over(&found.body)) else {
            return Ok(None);
        };
        if found.body["request"].as_str() != Some(&token.request) {
            return Err(Error::conflict(
                "The clientToken was used before by a request with other parameters. Send the same parameters, or a new token.",
            ));
        }
        Ok(found.body["resource"].as_str().map(str::to_owned))
    }

    /// Deletes the tokens whose time is over; tells how many. One of unknown age is as old as this call.
    ///
    /// # Errors
    /// The store cannot be read or written; what was deleted before stays so.
    pub async fn forget_tokens(&self) -> Result<u64> {
        let Some(clock) = &self.clock else { return Ok(0) };
        let (mut forgotten, mut after) = (0, None);
        loop {
            let page = Page {
                after: after.take(),
                limit: FORGOTTEN_AT_ONCE,
                backwards: false,
            };
            let rows = self.store.resources(PREFIX, page).await?;
            let is_last = rows.len() < FORGOTTEN_AT_ONCE;
            after = rows.last().map(|row| row.key.clone());
            let mut resources = Vec::new();
            for row in rows {
                let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
                let body = if self.is_over(&body) {
                    forgotten += 1;
                    None
                } else if body["at"].is_i64() {
                    continue;
                } else {
                    Some(
                        json!({"request": body["request"], "resource": body["resource"], "at": clock.now().nanos()})
                            .to_string()
                            .into(),
                    )
                };
                resources.push(ResourceWrite {
                    key: row.key,
                    expect: Expect::Version(row.version),
                    body,
                });
            }
            if !resources.is_empty() {
                self.store
                    .commit(Batch {
                        resources,
                        ..Batch::default()
                    })
                    .await?;
            }
            if is_last {
                return Ok(forgotten);
            }
        }
    }

    /// The document that remembers a token.
    pub(crate) fn remembered(&self, used: Use) -> ResourceWrite {
        let at = self.clock.as_ref().map(|clock| clock.now().nanos());
        let body = json!({"request": used.token.request, "resource": used.resource, "at": at});
        ResourceWrite {
            key: used.token.key,
            expect: Expect::Any,
            body: Some(body.to_string().into()),
        }
    }

    fn is_over(&self, body: &Value) -> bool {
        let at = body["at"].as_i64().map(Timestamp);
        self.clock
            .as_ref()
            .zip(at)
            .is_some_and(|(clock, at)| at + Token::KEPT <= clock.now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use bedplate_base::{BoxFuture, Clock};
    use bedplate_store::MemoryStore;
    use futures_util::FutureExt;

    use super::*;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }

        fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn a_token_is_forgotten_after_a_day() {
        let clock = Arc::new(Hand(AtomicI64::new(1)));
        let pass = |hours: i64| {
            clock.0.fetch_add(hours * 3_600_000_000_000, Ordering::Relaxed);
        };
        let store = Arc::new(MemoryStore::default());
        let (ageless, catalog) = (Catalog::new(store.clone()), Catalog::new(store).with_clock(clock.clone()));
        let token = |name: &str| Token::new("place", "create", name, &json!({"a": 1}));
        let made = |name: &str| catalog.made_by(&token(name)).now_or_never().unwrap().unwrap();
        let make = |catalog: &Catalog, name: &str| {
            let change = Change::new().create(name, &json!({})).token(&token(name), name);
            catalog.commit(change).now_or_never().unwrap().unwrap();
        };
        let forget = || catalog.forget_tokens().now_or_never().unwrap().unwrap();
        make(&ageless, "old");
        (0..600).for_each(|index| make(&catalog, &format!("a{index}")));
        assert_eq!(forget(), 0);
        pass(23);
        make(&catalog, "b");
        assert_eq!(forget(), 0);
        assert_eq!(made("a0").as_deref(), Some("a0"));
        let other = Token::new("place", "create", "a0", &json!({"a": 2}));
        assert!(catalog.made_by(&other).now_or_never().unwrap().is_err());
        pass(1);
        assert_eq!(made("a0"), None, "whether it was swept or not");
        assert_eq!(catalog.made_by(&other).now_or_never().unwrap().unwrap(), None);
        assert_eq!(forget(), 601);
        assert_eq!(forget(), 0);
        assert_eq!(made("b").as_deref(), Some("b"));
        assert!(catalog.get("a0").now_or_never().unwrap().unwrap().is_some(), "what it made stays");
    }
}
