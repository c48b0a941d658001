//! Every number that buckets enforce, with where it comes from.

use std::time::Duration;

/// Bytes of one object, or one part of an upload, that a request may carry: S3 takes 5 GiB (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
pub const PUT_BYTES_MAX: u64 = 5 << 30;
/// Bytes of an object that is made of parts: S3 takes 50 TB since 2025, 5 TiB before (same page); ours is the older number.
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;
/// Bytes of a part at least, the last one aside (same page).
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Parts of one upload (same page).
pub const PARTS_MAX: i32 = 10_000;
/// Keys, uploads or parts on one page (API reference of `ListObjectsV2`).
pub const PAGE_MAX: i32 = 1_000;
/// Keys of one `DeleteObjects` (API reference).
pub const DELETES_MAX: usize = 1_000;
/// Bytes of a key (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
pub const KEY_BYTES_MAX: usize = 1_024;
/// Folders that a key may go deep. Ours: each level is an open folder while a listing walks through it.
pub const DEPTH_MAX: usize = 128;
/// Bytes of a file's name; all usual file systems have this number.
pub const NAME_BYTES_MAX: usize = 255;
/// Bytes of the names and values of an object's own metadata (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>).
pub const METADATA_BYTES_MAX: usize = 2 << 10;
/// Bytes of a file with metadata, which we have written ourselves: its texts are bounded by the headers of a request (64 KB), its parts by
/// [`PARTS_MAX`].
pub const SHEET_BYTES_MAX: u64 = 1 << 20;
/// Bytes of an XML body. Ours: ten thousand parts with checksums have 3 MB, a thousand keys of 1,024 escaped letters have 7 MB.
pub const XML_BYTES_MAX: usize = 8 << 20;
/// Bytes of a file in a form post, which is held in memory. Ours; `PutObject` is for more.
pub const FORM_FILE_BYTES_MAX: u64 = 16 << 20;
/// Buckets. S3 allows 10,000 in an account (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html>).
pub const BUCKETS_MAX: usize = 10_000;
/// Uploads in parts that are open at once. Ours: each is a folder.
pub const UPLOADS_MAX: usize = 10_000;
/// Age of an upload that is thrown away at the next start. Ours: S3 keeps them until a lifecycle rule says otherwise, and recommends 7 days.
pub const UPLOAD_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Bytes of a body that are gathered before they are written and hashed, and bytes of a file that are read at once. Ours.
pub const BLOCK_BYTES: usize = 1 << 20;
