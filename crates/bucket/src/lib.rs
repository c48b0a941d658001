//! Buckets: S3 over folders, and the one reader of objects for everything else.
//!
//! A bucket is a folder under the state, or a folder of the user's that the configuration names. s3s knows S3's wire; this crate knows files: which
//! file a key is ([`layout`]), how to reach it without ever leaving the folder ([`tree`]), what is kept beside it ([`record`]), how it is replaced in one
//! step ([`bucket`]) and how a page of keys is read from folders ([`list`]). It refuses to know who may do what: signatures are verified by the listener,
//! before a request comes here. It is no part of the main path of a turn.

mod bucket;
mod buckets;
mod digest;
mod fault;
mod layout;
pub mod limits;
mod list;
mod objects;
mod ops;
mod receive;
mod record;
mod refusal;
mod service;
mod tree;
mod upload;

pub use buckets::{BucketConfig, Buckets};
pub use objects::{Objects, Remote, Uri};
pub use service::{Answer, Caller, Service};
