//! Model invocation logging: what models were asked and what they said, for those who turned it on (PutModelInvocationLoggingConfiguration).
//!
//! A record has the service's form ("Monitor model invocation using CloudWatch Logs and Amazon S3" of the user guide). It is an object in the bucket
//! that the configuration names, where there is such a bucket, else a line of a file of its region and day below the state folder; so the same
//! set-up script works here and there. Records are written by one task behind a bounded queue: a disk that is slow or full costs records, never a call.

mod gateway;
mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use bedplate_base::{Place, Result, Timestamp};
use bedplate_catalog::{Catalog, Change, key};
use bedplate_wire::Json as _;
use bedplate_wire_bedrock::types::LoggingConfig;
use regex::Regex;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::objects::Write;

pub use gateway::Gateway;
pub(crate) use record::{Draft, converse_input, converse_output};

/// Records that wait for the disk. Ours: a few seconds of a busy server.
const QUEUE: usize = 1_000;
/// Bytes of records that wait for the disk together; beyond it records are lost. Ours.
const QUEUE_BYTES_MAX: u64 = 64 << 20;
/// Texts that may be taken out of records. Ours: each is looked for in every text.
pub const REDACT_MAX: usize = 32;

/// How invocations are logged; whether they are is a matter of the API.
#[derive(Clone, Debug, Default)]
pub struct LogSettings {
    /// The folder of the files.
    pub folder: PathBuf,
    /// What is replaced by `[redacted]` in every text of a record.
    pub redact: Vec<Regex>,
}

/// The log.
pub(crate) struct Log {
    settings: LogSettings,
    catalog: Catalog,
    /// By account and region, as a key of the catalog.
    configs: RwLock<BTreeMap<String, Arc<LoggingConfig>>>,
    /// Whether there is any: asked at every call.
    any: AtomicBool,
    lines: mpsc::Sender<Line>,
    waiting: Mutex<Option<mpsc::Receiver<Line>>>,
    queued: Arc<AtomicU64>,
    lost: AtomicU64,
    worker: Mutex<JoinSet<()>>,
    /// Writes into buckets, where there are any.
    bucket: Arc<OnceLock<Write>>,
}

/// A record, ready to be written.
struct Line {
    region: String,
    at: Timestamp,
    text: String,
    /// Where the configuration wants it: `s3://bucket/prefix/AWSLogs/…`.
    uri: Option<String>,
}

impl Log {
    pub(crate) fn new(settings: LogSettings, catalog: Catalog) -> Self {
        let (lines, waiting) = mpsc::channel(QUEUE);
        Self {
            settings,
            catalog,
            configs: RwLock::default(),
            any: AtomicBool::new(false),
            lines,
            waiting: Mutex::new(Some(waiting)),
            queued: Arc::default(),
            lost: AtomicU64::new(0),
            worker: Mutex::default(),
            bucket: Arc::default(),
        }
    }

    /// Records go to the buckets that configurations name.
    pub(crate) fn deliver_to(&self, write: Write) {
        let _ = self.bucket.set(write); // once, when everything is put together
    }

    /// Takes up what was configured, and begins to write.
    pub(crate) async fn restore(&self) -> Result<()> {
        for stored in self.catalog.all(&format!("{}/", key(&["model-invocation-logging"]))).await? {
            match LoggingConfig::from_json(&stored.body) {
                Ok(config) => self.remember(stored.key, Some(config)),
                Err(error) => tracing::warn!(target: "bedrock", key = stored.key, %error, "a stored logging configuration cannot be read"),
            }
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiting) = waiting {
            let work = work(
                self.settings.folder.clone(),
                waiting,
                Arc::clone(&self.queued),
                Arc::clone(&self.bucket),
            );
            self.worker.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
        }
        Ok(())
    }

    /// Sets or deletes the configuration of a place.
    pub(crate) async fn configure(&self, place: &Place, config: Option<LoggingConfig>) -> Result<()> {
        let key = name(place);
        let change = match &config {
            Some(config) => Change::new().put(key.as_str(), &config.to_json()),
            None => Change::new().delete(key.as_str()),
        };
        self.catalog.commit(change).await?;
        self.remember(key, config);
        Ok(())
    }

    /// The configuration of a place; none when nothing is logged there.
    pub(crate) fn config(&self, place: &Place) -> Option<Arc<LoggingConfig>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        configs.get(&name(place)).map(Arc::clone)
    }

    fn remember(&self, key: String, config: Option<LoggingConfig>) {
        let mut configs = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        match config {
            Some(config) => drop(configs.insert(key, Arc::new(config))),
            None => drop(configs.remove(&key)),
        }
        self.any.store(!configs.is_empty(), Ordering::Relaxed);
    }

    /// Hands a record to the writer.
    fn write(&self, line: Line) {
        let bytes = line.text.len() as u64;
        let room = self.queued.fetch_add(bytes, Ordering::Relaxed) + bytes <= QUEUE_BYTES_MAX;
        if room && self.lines.try_send(line).is_ok() {
            return;
        }
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        if lost.is_power_of_two() {
            tracing::warn!(target: "bedrock", lost, "model invocations are not logged: the disk does not keep up");
        }
    }
}

fn name(place: &Place) -> String {
    key(&["model-invocation-logging", &place.account, &place.region])
}

async fn work(folder: PathBuf, mut waiting: mpsc::Receiver<Line>, queued: Arc<AtomicU64>, bucket: Arc<OnceLock<Write>>) {
    while let Some(line) = waiting.recv().await {
        if !deliver(&bucket, &line).await
            && let Err(error) = append(&folder, &line).await
        {
            tracing::warn!(target: "bedrock", %error, folder = %folder.display(), "a model invocation could not be logged");
        }
        queued.fetch_sub(line.text.len() as u64, Ordering::Relaxed);
    }
}

/// Whether the record is in the bucket that it is meant for.
async fn deliver(bucket: &OnceLock<Write>, line: &Line) -> bool {
    let (Some(write), Some(uri)) = (bucket.get(), &line.uri) else {
        return false;
    };
    match write(uri.clone(), line.text.clone().into()).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(target: "bedrock", uri, %error, "a model invocation is logged to a file: its bucket does not take it");
            false
        }
    }
}

async fn append(folder: &Path, line: &Line) -> std::io::Result<()> {
    let folder = folder.join(&line.region);
    tokio::fs::create_dir_all(&folder).await?;
    let day = line.at.iso();
    let day = day.get(..10).unwrap_or("undated");
    let mut options = tokio::fs::OpenOptions::new();
    options.append(true).create(true);
    // What people said to models is for the owner of the server only.
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(folder.join(format!("{day}.jsonl"))).await?;
    file.write_all(line.text.as_bytes()).await?;
    file.flush().await
}
