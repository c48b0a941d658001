//! Tags of a resource, by ARN; they are not part of its document.

use std::collections::BTreeMap;

use bedplate_base::{Error, Kind, Result};
use bedplate_store::CommitError;
use serde_json::json;

use crate::{Catalog, Change, key};

/// Names and values.
pub type Tags = BTreeMap<String, String>;

/// Tags of one resource at most (AWS's limit).
const TAGS_MAX: usize = 50;
/// How often a change that lost a race is tried. Ours.
const TRIES: usize = 64;

impl Catalog {
    /// The tags of `arn`; none is an empty map.
    pub async fn tags(&self, arn: &str) -> Result<Tags> {
        let found = self.get(&tag_key(arn)).await?;
        Ok(found.and_then(|found| serde_json::from_value(found.body).ok()).unwrap_or_default())
    }

    /// Adds tags to those of `arn`.
    pub async fn tag(&self, arn: &str, added: Tags) -> Result<()> {
        self.change_tags(arn, |tags| tags.extend(added.clone())).await
    }

    /// Takes tags away; absent ones are ignored.
    pub async fn untag(&self, arn: &str, names: &[String]) -> Result<()> {
        self.change_tags(arn, |tags| tags.retain(|name, _| !names.contains(name))).await
    }

    /// Two requests that change the tags of one resource at the same time both count.
    async fn change_tags(&self, arn: &str, change: impl Fn(&mut Tags)) -> Result<()> {
        for _ in 0..TRIES {
            let found = self.get(&tag_key(arn)).await?;
            let mut tags: Tags = found
                .as_ref()
                .and_then(|found| serde_json::from_value(found.body.clone()).ok())
                .unwrap_or_default();
            change(&mut tags);
            check(&tags)?;
            // Without tags the row stays, empty: what is deleted has no version to be told apart by.
            let write = match &found {
                Some(found) => Change::new().replace(found, &json!(tags)),
                None => Change::new().create(tag_key(arn), &json!(tags)),
            };
            match self.try_commit(write).await {
                Err(CommitError::Conflict(_)) => {}
                other => return Ok(other?),
            }
        }
        Err(Error::new(
            Kind::Throttled,
            "The tags of the resource are being changed by many requests at the same time. Try again.",
        ))
    }
}

fn check(tags: &Tags) -> Result<()> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(Error::validation(format!(
        "A resource can have at most {TAGS_MAX} tags, this would make {}.",
        tags.len()
    )))
}

/// The write that gives `arn` exactly these tags.
pub(crate) fn set_tags(arn: &str, tags: &Tags) -> Result<Change> {
    check(tags)?;
    Ok(if tags.is_empty() {
        Change::new().delete(tag_key(arn))
    } else {
        Change::new().put(tag_key(arn), &json!(tags))
    })
}

impl Change {
    /// Gives `arn` exactly these tags.
    ///
    /// # Errors
    /// `Validation` when there are more than 50.
    pub fn tags(self, arn: &str, tags: &Tags) -> Result<Self> {
        Ok(self.and(set_tags(arn, tags)?))
    }
}

fn tag_key(arn: &str) -> String {
    key(&["tags", arn])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bedplate_store::MemoryStore;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn changes_at_the_same_time_all_count() {
        let catalog = Catalog::new(Arc::new(MemoryStore::default()));
        let tag = |name: &str| Tags::from([(name.to_owned(), "v".to_owned())]);
        for (first, second) in [("a", "b"), ("c", "d")] {
            let between = std::cell::Cell::new(true);
            let change = catalog.change_tags("arn", |tags| {
                if between.take() {
                    catalog
                        .tag("arn", tag(second))
                        .now_or_never()
                        .expect("memory is at hand")
                        .expect("tagged");
                }
                tags.extend(tag(first));
            });
            change.now_or_never().expect("memory is at hand").expect("tagged");
        }
        let tags = catalog.tags("arn").now_or_never().expect("memory is at hand").expect("read");
        assert_eq!(tags.into_keys().collect::<String>(), "abcd");
    }
}
