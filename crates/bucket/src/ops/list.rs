//! ListObjects and ListObjectsV2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::buckets::owner;
use super::{caller, etag, timestamp};
use crate::bucket;
use crate::buckets::Buckets;
use crate::fault::{blocking, fault};
use crate::limits::{KEY_BYTES_MAX, PAGE_MAX};
use crate::list::{After, Item, Page, Query, page};

/// ListObjects, the first version.
pub(crate) async fn first(buckets: &Buckets, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
    let account = caller(&request.extensions).account;
    let input = request.input;
    let form = Form::of(input.encoding_type.as_ref())?;
    let most = most(input.max_keys)?;
    let delimiter = input.delimiter.clone().filter(|text| !text.is_empty());
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = match input.marker.as_deref() {
        None | Some("") => After::Nothing,
        // The marker behind a group is the group.
        Some(marker) => match &delimiter {
            Some(delimiter) if marker.ends_with(delimiter.as_str()) && marker.starts_with(&prefix) => After::Group(marker.to_owned()),
            _ => After::Key(marker.to_owned()),
        },
    };
    let found = read(buckets, &input.bucket, prefix, delimiter, after, most).await?;
    let next = found.next.as_ref().map(|next| match next {
        After::Key(key) | After::Group(key) => form.text(key),
        After::Nothing => String::new(),
    });
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(form.text(&input.prefix.unwrap_or_default())),
        marker: Some(form.text(&input.marker.unwrap_or_default())),
        max_keys: Some(most),
        is_truncated: Some(found.next.is_some()),
        contents: Some(contents(&found, form, Some(&account))),
        common_prefixes: Some(groups(&found, form)),
        // S3 names it only when there are groups; then clients cannot know it from the last key.
        next_marker: next.filter(|_| input.delimiter.as_ref().is_some_and(|text| !text.is_empty())),
        delimiter: input.delimiter.map(|text| form.text(&text)),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// ListObjectsV2.
pub(crate) async fn second(buckets: &Buckets, request: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
    let account = caller(&request.extensions).account;
    let input = request.input;
    let form = Form::of(input.encoding_type.as_ref())?;
    let most = most(input.max_keys)?;
    let delimiter = input.delimiter.clone().filter(|text| !text.is_empty());
    let after = match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => untoken(token)?,
        (None, Some(key)) if !key.is_empty() => After::Key(key.clone()),
        _ => After::Nothing,
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let found = read(buckets, &input.bucket, prefix, delimiter, after, most).await?;
    let shown = input.fetch_owner.unwrap_or(false).then_some(account.as_str());
    let count = i32::try_from(found.items.len() + found.groups.len()).unwrap_or(i32::MAX);
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(form.text(&input.prefix.unwrap_or_default())),
        max_keys: Some(most),
        key_count: Some(count),
        continuation_token: input.continuation_token,
        is_truncated: Some(found.next.is_some()),
        next_continuation_token: found.next.as_ref().map(token),
        contents: Some(contents(&found, form, shown)),
        common_prefixes: Some(groups(&found, form)),
        delimiter: input.delimiter.map(|text| form.text(&text)),
        encoding_type: input.encoding_type,
        start_after: input.start_after.map(|text| form.text(&text)),
        request_charged: None,
    }))
}

async fn read(buckets: &Buckets, bucket: &str, prefix: String, delimiter: Option<String>, after: After, most: i32) -> S3Result<Page> {
    let bucket = buckets.find(bucket)?;
    let query = Query {
        prefix,
        delimiter,
        after,
        max: usize::try_from(most).unwrap_or_default(),
    };
    blocking(move || page(&bucket, &query)).await
}

/// How many keys a page may have: what is asked for, and never more than S3 gives.
fn most(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        None => Ok(PAGE_MAX),
        Some(asked) if asked < 0 => Err(fault(
            S3ErrorCode::InvalidArgument,
            "Argument max-keys must be an integer between 0 and 2147483647",
        )),
        Some(asked) => Ok(asked.min(PAGE_MAX)),
    }
}

/// How keys are written into XML, which cannot hold all letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Url,
}

impl Form {
    pub(super) fn of(encoding: Option<&EncodingType>) -> Result<Self, S3Error> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(fault(
                S3ErrorCode::InvalidArgument,
                "Invalid Encoding Method specified in Request: it is url, or left out",
            )),
        }
    }

    pub(super) fn text(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => {
                let mut out = String::with_capacity(text.len());
                for byte in text.bytes() {
                    match byte {
                        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => out.push(char::from(byte)),
                        byte => out.push_str(&format!("%{byte:02X}")),
                    }
                }
                out
            }
        }
    }
}

fn contents(page: &Page, form: Form, account: Option<&str>) -> Vec<Object> {
    page.items.iter().map(|item| object(item, form, account)).collect()
}

fn object(item: &Item, form: Form, account: Option<&str>) -> Object {
    let sum = item.record.as_ref().and_then(|record| record.checksum.as_ref());
    Object {
        checksum_algorithm: sum.map(|sum| vec![ChecksumAlgorithm::from_static(sum.algorithm.name())]),
        checksum_type: sum.map(super::kind),
        e_tag: Some(etag(bucket::etag(item.record.as_ref(), item.stamp))),
        key: Some(form.text(&item.key)),
        last_modified: Some(timestamp(item.stamp.changed)),
        owner: account.map(owner),
        restore_status: None,
        size: i64::try_from(item.stamp.size).ok(),
        storage_class: Some(ObjectStorageClass::from_static("STANDARD")),
    }
}

fn groups(page: &Page, form: Form) -> Vec<CommonPrefix> {
    let prefix = |group: &String| CommonPrefix {
        prefix: Some(form.text(group)),
    };
    page.groups.iter().map(prefix).collect()
}

/// Where a page ended, as a text that clients do not read.
fn token(after: &After) -> String {
    let (kind, text) = match after {
        After::Nothing => ("n", ""),
        After::Key(key) => ("k", key.as_str()),
        After::Group(group) => ("g", group.as_str()),
    };
    URL_SAFE_NO_PAD.encode(format!("{kind}{text}"))
}

fn untoken(token: &str) -> S3Result<After> {
    let wrong = || fault(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect");
    if token.len() > 2 * KEY_BYTES_MAX {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    match text.split_at_checked(1) {
        Some(("k", key)) if !key.is_empty() => Ok(After::Key(key.to_owned())),
        Some(("g", group)) if !group.is_empty() => Ok(After::Group(group.to_owned())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_letters() {
        for after in [After::Key("a/ü".into()), After::Group("a/".into())] {
            assert_eq!(untoken(&token(&after)).unwrap(), after);
        }
        for wrong in ["", "!", "bg", "eA", &"a".repeat(5000)] {
            assert!(untoken(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Form::Url.text("a b+\u{1}/ü*"), "a%20b%2B%01/%C3%BC*");
        assert!(most(Some(-1)).is_err());
        assert_eq!(most(Some(5000)).unwrap(), PAGE_MAX);
    }
}
