//! Resources: named documents with unique names, client tokens, tags and pages. No service's noun is known here.
//!
//! A resource is one row of the store under a key of path segments; a unique name is a second row that points at it,
//! written in the same batch, so that two creates of one name cannot both win. Documents are JSON text as their api crate
//! wrote it.

mod key;
mod page;
mod tags;
mod token;

use std::sync::Arc;

use bedplate_base::{Clock, Error, Result};
use bedplate_store::{Batch, CommitError, Expect, Resource, ResourceWrite, Store};
use serde_json::Value;

pub use key::key;
pub use page::Listing;
pub use tags::Tags;
pub use token::Token;

/// Documents over a store.
#[derive(Clone)]
pub struct Catalog {
    store: Arc<dyn Store>,
    clock: Option<Arc<dyn Clock>>,
}

/// A document and the version that a later write must name.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its key.
    pub key: String,
    /// Counts writes.
    pub version: u64,
    /// Its content.
    pub body: Value,
}

/// Writes that become true together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Change(
    Vec<ResourceWrite>,
    Vec<(bedplate_base::Hash, bedplate_journal::Raw)>,
    Vec<token::Use>,
);

impl Change {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A document that must not exist yet.
    pub fn create(mut self, key: impl Into<String>, body: &Value) -> Self {
        self.0.push(ResourceWrite {
            key: key.into(),
            expect: Expect::Absent,
            body: Some(text(body)),
        });
        self
    }

    /// A new content for a document that was read before; fails when somebody wrote in between.
    pub fn replace(mut self, read: &Document, body: &Value) -> Self {
        self.0.push(ResourceWrite {
            key: read.key.clone(),
            expect: Expect::Version(read.version),
            body: Some(text(body)),
        });
        self
    }

    /// A content, whatever was there.
    pub fn put(mut self, key: impl Into<String>, body: &Value) -> Self {
        self.0.push(ResourceWrite {
            key: key.into(),
            expect: Expect::Any,
            body: Some(text(body)),
        });
        self
    }

    /// Deletes what is there, if it is.
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.0.push(ResourceWrite {
            key: key.into(),
            expect: Expect::Any,
            body: None,
        });
        self
    }

    /// Stores a text by content address; durable with the rest.
    pub fn blob(mut self, raw: bedplate_journal::Raw) -> Self {
        self.1.push((bedplate_base::sha256(raw.as_str().as_bytes()), raw));
        self
    }

    /// Adds another change's writes.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.1.extend(other.1);
        self.2.extend(other.2);
        self
    }
}

impl Catalog {
    /// Documents of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, clock: None }
    }

    /// The same documents, with client tokens that are forgotten when they are [`Token::KEPT`] old. Without a clock they are kept for ever.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// The store beneath, for blobs.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The document under `key`.
    pub async fn get(&self, key: &str) -> Result<Option<Document>> {
        self.store.resource(key).await?.map(document).transpose()
    }

    /// Makes a change true.
    ///
    /// # Errors
    /// `Conflict` when somebody else wrote a document of it first, or a document that must be new exists.
    pub async fn commit(&self, change: Change) -> Result<()> {
        Ok(self.try_commit(change).await?)
    }

    /// As `commit`, with the store's own error: callers tell a lost race from a full disk.
    pub async fn try_commit(&self, change: Change) -> Result<(), CommitError> {
        let mut resources = change.0;
        resources.extend(change.2.into_iter().map(|used| self.remembered(used)));
        self.store
            .commit(Batch {
                resources,
                blobs: change.1,
                ..Batch::default()
            })
            .await
    }

    /// All documents whose key begins with `prefix`, in key order; for sets that are bounded by a limit.
    pub async fn all(&self, prefix: &str) -> Result<Vec<Document>> {
        const STEP: usize = 500;
        let mut out = Vec::new();
        let mut after = None;
        loop {
            let page = bedplate_store::Page {
                after: after.take(),
                limit: STEP,
                backwards: false,
            };
            let rows = self.store.resources(prefix, page).await?;
            let more = rows.len() == STEP;
            after = rows.last().map(|row| row.key.clone());
            for row in rows {
                out.push(document(row)?);
            }
            if !more {
                return Ok(out);
            }
        }
    }
}

fn text(body: &Value) -> Arc<str> {
    body.to_string().into()
}

fn document(row: Resource) -> Result<Document> {
    let body = serde_json::from_str(&row.body)
        .map_err(|error| Error::internal(format!("The stored document {} is damaged.", row.key)).with_source(error))?;
    Ok(Document {
        key: row.key,
        version: row.version,
        body,
    })
}
