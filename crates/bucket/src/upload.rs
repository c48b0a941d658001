//! Uploads in parts: a folder each, until they become an object or are given up.
//!
//! A part is a file and a small sheet that names it; the sheet is written last, so that a part is there whole or not at all, and the part that came
//! last counts when a number is sent twice.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::random_id;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, Conditions, Draft};
use crate::buckets::Buckets;
use crate::digest::{Digest, etag_of_parts, hex, of_parts, read_hex};
use crate::fault::{disk, fault};
use crate::limits::{BLOCK_BYTES, OBJECT_BYTES_MAX, PART_BYTES_MIN, PARTS_MAX, UPLOAD_AGE_MAX, UPLOADS_MAX};
use crate::receive::Received;
use crate::record::{self, About, Algorithm, Record, Sum};
use crate::tree;

/// Letters of an upload's id.
const ID_LETTERS: usize = 40;
const MANIFEST: &str = "upload.json";
const SHEET: &str = ".json";

/// What an upload will be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Nanoseconds since 1970.
    pub(crate) begun: i64,
    pub(crate) about: About,
    /// The checksum that the client asked for.
    pub(crate) algorithm: Option<Algorithm>,
    /// Whether it is that of all bytes, not one of the parts' checksums.
    pub(crate) whole: bool,
}

/// One part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: i32,
    pub(crate) size: u64,
    /// Its MD5 in hexadecimal digits.
    pub(crate) etag: String,
    pub(crate) sum: Sum,
    /// Nanoseconds since 1970.
    pub(crate) came: i64,
    file: String,
}

/// A part as the client names it at the end.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) number: i32,
    pub(crate) etag: String,
    pub(crate) checksum: Option<(Algorithm, String)>,
}

/// An upload that is open.
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) manifest: Manifest,
    folder: OwnedFd,
}

/// Begins an upload; its id.
pub(crate) fn begin(buckets: &Buckets, manifest: &Manifest) -> S3Result<String> {
    let uploads = tree::open_root(&buckets.0.uploads).map_err(disk)?;
    let mut count = 0_usize;
    tree::each(uploads.as_fd(), |_, _| {
        count += 1;
        Ok(count < UPLOADS_MAX)
    })
    .map_err(disk)?;
    if count >= UPLOADS_MAX {
        let message = format!("There are {UPLOADS_MAX} uploads in parts under way; complete or abort one first.");
        return Err(fault(S3ErrorCode::SlowDown, message));
    }
    let id = random_id(ID_LETTERS);
    let text = serde_json::to_vec(manifest).map_err(|error| disk(io::Error::other(error)))?;
    let folder = tree::make(uploads.as_fd(), std::slice::from_ref(&id)).map_err(disk)?;
    record::write(&folder, MANIFEST, &text).map_err(disk)?;
    Ok(id)
}

/// The upload of this id, if it is one for this key.
pub(crate) fn find(buckets: &Buckets, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    let missing = || {
        fault(
            S3ErrorCode::NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        )
    };
    let upload = open(buckets, id).map_err(disk)?.ok_or_else(missing)?;
    match upload.manifest.bucket == bucket && upload.manifest.key == key {
        true => Ok(upload),
        false => Err(missing()),
    }
}

fn open(buckets: &Buckets, id: &str) -> io::Result<Option<Upload>> {
    if id.len() != ID_LETTERS || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let uploads = tree::open_root(&buckets.0.uploads)?;
    let Some(folder) = tree::folder(uploads.as_fd(), id)? else {
        return Ok(None);
    };
    let bytes = record::read(&folder, MANIFEST)?.unwrap_or_default();
    Ok(serde_json::from_slice(&bytes).ok().map(|manifest| Upload {
        id: id.to_owned(),
        manifest,
        folder,
    }))
}

/// All uploads of a bucket, by key and age.
pub(crate) fn all(buckets: &Buckets, bucket: &str) -> io::Result<Vec<Upload>> {
    let mut found = Vec::new();
    for id in ids(buckets)? {
        found.extend(open(buckets, &id)?.filter(|upload| upload.manifest.bucket == bucket));
    }
    found.sort_by(|one, other| {
        let order = |upload: &Upload| (upload.manifest.key.clone(), upload.manifest.begun, upload.id.clone());
        order(one).cmp(&order(other))
    });
    Ok(found)
}

fn ids(buckets: &Buckets) -> io::Result<Vec<String>> {
    let uploads = tree::open_root(&buckets.0.uploads)?;
    let mut ids = Vec::new();
    tree::each(uploads.as_fd(), |name, is_folder| {
        if is_folder {
            ids.push(name.to_owned());
        }
        Ok(true)
    })?;
    Ok(ids)
}

/// Gives up the uploads of a bucket.
pub(crate) fn forget(buckets: &Buckets, bucket: &str) {
    for upload in all(buckets, bucket).unwrap_or_default() {
        upload.remove(buckets);
    }
}

/// Throws away uploads that are old, or of which nothing can be read.
pub(crate) fn sweep(buckets: &Buckets) -> io::Result<()> {
    let oldest = buckets
        .now()
        .saturating_sub(i64::try_from(UPLOAD_AGE_MAX.as_nanos()).unwrap_or(i64::MAX));
    for id in ids(buckets)? {
        let stays = open(buckets, &id)?.is_some_and(|upload| upload.manifest.begun >= oldest && buckets.has(&upload.manifest.bucket));
        if !stays {
            std::fs::remove_dir_all(buckets.0.uploads.join(&id))?;
        }
    }
    Ok(())
}

impl Upload {
    /// A file for a part.
    pub(crate) fn draft(&self) -> S3Result<Draft> {
        let folder = self.folder.try_clone().map_err(disk)?;
        Draft::new(folder).map_err(disk)
    }

    /// Takes a part that is in a draft of [`Upload::draft`].
    pub(crate) fn put(&self, number: i32, received: Received, now: i64) -> S3Result<Part> {
        check_number(number)?;
        let Received { draft, md5, sum } = received;
        let before = self.part(number)?;
        let part = Part {
            number,
            size: draft.file.metadata().map_err(disk)?.len(),
            etag: hex(&md5),
            sum,
            came: now,
            file: format!("{number:05}-{}", random_id(10)),
        };
        draft.keep(&part.file).map_err(disk)?;
        let text = serde_json::to_vec(&part).map_err(|error| disk(io::Error::other(error)))?;
        record::write(&self.folder, &sheet(number), &text).map_err(disk)?;
        if let Some(before) = before {
            let _ = tree::remove(self.folder.as_fd(), &[], &before.file, false);
        }
        Ok(part)
    }

    fn part(&self, number: i32) -> S3Result<Option<Part>> {
        let bytes = record::read(&self.folder, &sheet(number)).map_err(disk)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Parts behind `after`, by number, and whether there are more than `most`.
    pub(crate) fn parts(&self, after: i32, most: usize) -> S3Result<(Vec<Part>, bool)> {
        let mut numbers: Vec<i32> = Vec::new();
        tree::each(self.folder.as_fd(), |name, _| {
            numbers.extend(
                name.strip_suffix(SHEET)
                    .and_then(|name| name.parse::<i32>().ok())
                    .filter(|number| *number > after),
            );
            Ok(true)
        })
        .map_err(disk)?;
        numbers.sort_unstable();
        let more = numbers.len() > most;
        numbers.truncate(most);
        let mut parts = Vec::with_capacity(numbers.len());
        for number in numbers {
            parts.extend(self.part(number)?);
        }
        Ok((parts, more))
    }

    /// Makes the object of the parts that the client names.
    pub(crate) fn complete(
        &self,
        bucket: &Bucket,
        claimed: &[Claimed],
        expected: Option<&str>,
        conditions: &Conditions,
        now: i64,
    ) -> S3Result<Record> {
        let parts = self.check(claimed)?;
        let md5s: Option<Vec<[u8; 16]>> = parts.iter().map(|part| read_hex(&part.etag)).collect();
        let md5s = md5s.ok_or_else(|| disk(io::Error::other("the sheet of a part holds no MD5")))?;
        let whole = self.manifest.whole || self.manifest.algorithm.is_none();
        let algorithm = self.manifest.algorithm.unwrap_or(Algorithm::Crc64Nvme);
        let mut digest = whole.then(|| Digest::new(algorithm));
        let mut draft = bucket.draft()?;
        for part in &parts {
            let file = tree::file(self.folder.as_fd(), &part.file).map_err(disk)?;
            let file = file.ok_or_else(|| invalid_part(part.number))?;
            copy(file, &mut draft.file, digest.as_mut()).map_err(disk)?;
        }
        let value = match digest {
            Some(digest) => STANDARD.encode(digest.finish()),
            None => {
                let sums: Vec<Vec<u8>> = parts
                    .iter()
                    .map(|part| STANDARD.decode(&part.sum.value).unwrap_or_default())
                    .collect();
                of_parts(algorithm, &sums)
            }
        };
        if expected.is_some_and(|expected| expected != value) {
            let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
            return Err(fault(S3ErrorCode::BadDigest, message));
        }
        let record = Record {
            etag: etag_of_parts(&md5s),
            about: self.manifest.about.clone(),
            checksum: Some(Sum { algorithm, value }),
            parts: parts.iter().map(|part| part.size).collect(),
            ..Record::default()
        };
        bucket.publish(&self.manifest.key, draft, record, conditions, now)
    }

    /// The parts of a list, when all of it is true.
    fn check(&self, claimed: &[Claimed]) -> S3Result<Vec<Part>> {
        if claimed.is_empty() {
            let message = "You must specify at least one part";
            return Err(fault(S3ErrorCode::MalformedXML, message));
        }
        let mut parts: Vec<Part> = Vec::with_capacity(claimed.len());
        for claim in claimed {
            check_number(claim.number)?;
            if parts.last().is_some_and(|last| last.number >= claim.number) {
                let message = "The list of parts was not in ascending order. Parts must be ordered by part number.";
                return Err(fault(S3ErrorCode::InvalidPartOrder, message));
            }
            let part = self.part(claim.number)?.ok_or_else(|| invalid_part(claim.number))?;
            let wrong_sum = claim
                .checksum
                .as_ref()
                .is_some_and(|(algorithm, value)| part.sum.algorithm != *algorithm || part.sum.value != *value);
            let composite = self.manifest.algorithm.filter(|_| !self.manifest.whole);
            if part.etag != claim.etag || wrong_sum || composite.is_some_and(|algorithm| algorithm != part.sum.algorithm) {
                return Err(invalid_part(claim.number));
            }
            parts.push(part);
        }
        let all_but_last = &parts[..parts.len() - 1];
        if let Some(small) = all_but_last.iter().find(|part| part.size < PART_BYTES_MIN) {
            let message = format!(
                "Your proposed upload is smaller than the minimum allowed size: part {} has {} bytes; all but the last have {PART_BYTES_MIN} at least.",
                small.number, small.size
            );
            return Err(fault(S3ErrorCode::EntityTooSmall, message));
        }
        if parts.iter().map(|part| part.size).sum::<u64>() > OBJECT_BYTES_MAX {
            let message = format!("The object would be larger than {OBJECT_BYTES_MAX} bytes.");
            return Err(fault(S3ErrorCode::EntityTooLarge, message));
        }
        Ok(parts)
    }

    /// Gives the upload up.
    pub(crate) fn remove(&self, buckets: &Buckets) {
        if let Err(error) = std::fs::remove_dir_all(buckets.0.uploads.join(&self.id)) {
            tracing::warn!(target: "bucket", %error, upload = self.id, "the parts of an upload stay until the next start");
        }
    }
}

/// Copies bytes from where `from` stands to its end.
pub(crate) fn copy(from: impl io::Read, to: &mut File, digest: Option<&mut Digest>) -> io::Result<u64> {
    let Some(digest) = digest else {
        let mut from = from;
        return io::copy(&mut from, to);
    };
    let mut block = vec![0; BLOCK_BYTES];
    let (mut from, mut copied) = (from, 0);
    loop {
        let read = from.read(&mut block)?;
        if read == 0 {
            return Ok(copied);
        }
        digest.update(&block[..read]);
        to.write_all(&block[..read])?;
        copied += read as u64;
    }
}

fn sheet(number: i32) -> String {
    format!("{number:05}{SHEET}")
}

pub(crate) fn check_number(number: i32) -> Result<(), S3Error> {
    match (1..=PARTS_MAX).contains(&number) {
        true => Ok(()),
        false => Err(fault(
            S3ErrorCode::InvalidArgument,
            format!("Part number must be an integer between 1 and {PARTS_MAX}, inclusive"),
        )),
    }
}

fn invalid_part(number: i32) -> S3Error {
    let message = format!(
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match \
         the part's entity tag: part {number}."
    );
    fault(S3ErrorCode::InvalidPart, message)
}
