//! Reads request bodies: never more than allowed, never for longer than allowed, never more memory than there is.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::{DRAIN_BYTES_MAX, DRAIN_TIME, Limits};
use crate::refusal::Refusal;

/// One permit of the memory budget.
const PERMIT_BYTES: usize = 4 << 10;
/// Room that is made before the first byte has come, whatever the client announces.
const FIRST_ROOM_BYTES: usize = 64 << 10;
/// Bodies up to here have memory of their own, which large ones cannot take: ordinary requests go on while somebody uploads a lot.
const SMALL_BYTES: usize = 256 << 10;
/// The part of the budget that is kept for small bodies.
const SMALL_PART: usize = 8;

/// The memory that all bodies may take together.
#[derive(Clone)]
pub(crate) struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = bytes.div_ceil(PERMIT_BYTES).min(Semaphore::MAX_PERMITS);
        let small = permits / SMALL_PART;
        Self {
            small: Arc::new(Semaphore::new(small)),
            large: Arc::new(Semaphore::new(permits - small)),
        }
    }
}

/// A body and its share of the budget, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    share: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Takes the bytes out; the share stays.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }

    fn grow(&mut self, budget: &Budget, bytes: usize) -> Result<(), Refusal> {
        let wanted = bytes.div_ceil(PERMIT_BYTES);
        let parts = [&budget.small, &budget.large];
        for part in parts.into_iter().skip(usize::from(bytes > SMALL_BYTES)) {
            let share = self.share.as_mut().filter(|share| Arc::ptr_eq(share.semaphore(), part));
            let held = share.as_ref().map_or(0, |share| share.num_permits());
            if wanted <= held {
                return Ok(());
            }
            let more = u32::try_from(wanted - held).unwrap_or(u32::MAX);
            if let Ok(more) = Arc::clone(part).try_acquire_many_owned(more) {
                match share {
                    Some(share) => share.merge(more),
                    None => self.share = Some(more),
                }
                return Ok(());
            }
        }
        Err(Refusal::throttled(
            "The server holds as many bytes of requests as it may; try again in a moment.",
        ))
    }
}

/// Reads a body of at most `bytes_max`. A body that is refused is read on for a moment and forgotten, so that clients that write first
/// and read later get their answer instead of a reset connection.
pub(crate) async fn read(
    mut incoming: Incoming,
    headers: &HeaderMap,
    bytes_max: usize,
    limits: &Limits,
    budget: &Budget,
) -> Result<Held, Refusal> {
    let announced = incoming.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        forget(incoming, headers).await;
        return Err(Refusal::too_large(bytes_max));
    }
    match gather(&mut incoming, announced, bytes_max, limits, budget).await {
        Err(refusal) if refusal.status != http::StatusCode::REQUEST_TIMEOUT => {
            drain(incoming).await;
            Err(refusal)
        }
        done => done,
    }
}

async fn gather(
    incoming: &mut Incoming,
    announced: Option<usize>,
    bytes_max: usize,
    limits: &Limits,
    budget: &Budget,
) -> Result<Held, Refusal> {
    let mut held = Held {
        bytes: Bytes::new(),
        share: None,
    };
    let mut bytes = BytesMut::new();
    let start = Instant::now();
    loop {
        // The time that a body may take grows with what has come of it: drops at long intervals do not keep a connection.
        let earned = Duration::from_secs_f64(bytes.len() as f64 / limits.body_rate_min.max(1) as f64);
        let end = start + limits.body_time.min(limits.body_idle_time.saturating_add(earned));
        let Some(data) = next(incoming, limits.body_idle_time, end).await? else {
            break;
        };
        if bytes.len() + data.len() > bytes_max {
            return Err(Refusal::too_large(bytes_max));
        }
        held.grow(budget, bytes.len() + data.len())?;
        if bytes.is_empty() {
            bytes.reserve(announced.unwrap_or_default().clamp(data.len(), FIRST_ROOM_BYTES.max(data.len())));
        }
        bytes.extend_from_slice(&data);
    }
    held.bytes = bytes.freeze();
    Ok(held)
}

/// The next piece; nothing at the end.
async fn next(incoming: &mut Incoming, idle: Duration, end: Instant) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = timeout_at(end.min(Instant::now() + idle), incoming.frame())
            .await
            .map_err(|_| Refusal::too_slow())?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            },
            Some(Err(error)) => {
                let message = format!("The body of the request broke off: {error}.");
                return Err(Refusal::new(http::StatusCode::BAD_REQUEST, "SerializationException", message));
            }
        }
    }
}

/// Lets the client of a refused request finish writing, within limits.
pub(crate) async fn forget(incoming: Incoming, headers: &HeaderMap) {
    // A client that asked first has not sent anything yet.
    if !headers.contains_key(header::EXPECT) {
        drain(incoming).await;
    }
}

async fn drain(mut incoming: Incoming) {
    let forget = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = incoming.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // Either way the answer goes out now.
    let _ = timeout(DRAIN_TIME, forget).await;
}
