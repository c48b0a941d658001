//! Tags of a resource, by ARN; they are not part of its document.

use std::collections::BTreeMap;

use bedplate_base::{Error, Result};
use serde_json::json;

use crate::{Catalog, Change, key};

/// Names and values.
pub type Tags = BTreeMap<String, String>;

/// Tags of one resource at most (AWS's limit).
const TAGS_MAX: usize = 50;

impl Catalog {
    /// The tags of `arn`; none is an empty map.
    pub async fn tags(&self, arn: &str) -> Result<Tags> {
        let found = self.get(&tag_key(arn)).await?;
        Ok(found.and_then(|found| serde_json::from_value(found.body).ok()).unwrap_or_default())
    }

    /// Adds tags to those of `arn`.
    pub async fn tag(&self, arn: &str, added: Tags) -> Result<()> {
        let mut tags = self.tags(arn).await?;
        tags.extend(added);
        self.commit(set_tags(arn, &tags)?).await
    }

    /// Takes tags away; absent ones are ignored.
    pub async fn untag(&self, arn: &str, names: &[String]) -> Result<()> {
        let mut tags = self.tags(arn).await?;
        tags.retain(|name, _| !names.contains(name));
        self.commit(set_tags(arn, &tags)?).await
    }
}

/// The write that gives `arn` exactly these tags.
pub(crate) fn set_tags(arn: &str, tags: &Tags) -> Result<Change> {
    if tags.len() > TAGS_MAX {
        return Err(Error::validation(format!(
            "A resource can have at most {TAGS_MAX} tags, this would make {}.",
            tags.len()
        )));
    }
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
