//! Deletes executions that nobody needs any more, and what they leave behind in small steps, so that no writer waits for it long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bedplate_base::Timestamp;
use bedplate_store::{CommitError, Head, Page, ReadError};

use crate::SignalError;
use crate::engine::Inner;
use crate::limits::{HEADS_PAUSE, HEADS_PER_PASS, RETENTION_PAUSE, SWEEP_ROWS};

/// How long executions are kept after their last event. Without a figure they are kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those that have ended.
    pub ended: Option<Duration>,
    /// Those that have not, as long as nothing is set or on its way to wake them: sessions that nobody came back to.
    pub idle: Option<Duration>,
}

impl Retention {
    /// Whether anything is ever deleted.
    pub(crate) fn deletes(&self) -> bool {
        self.ended.is_some() || self.idle.is_some()
    }

    fn is_over(&self, head: &Head, now: Timestamp) -> bool {
        let kept = if head.ended { self.ended } else { self.idle };
        let free = head.owner.is_none() && !head.busy;
        free && kept.is_some_and(|kept| head.updated_at + kept <= now)
    }
}

/// Deletes what is over until the engine is gone.
pub(crate) async fn run(weak: Weak<Inner>) {
    loop {
        let Some(inner) = weak.upgrade() else { return };
        match pass(&inner, HEADS_PAUSE).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "executions were deleted because their time is over"),
            Err(error) => tracing::error!("executions could not be deleted: {error}"),
        }
        let clock = inner.clock.clone();
        drop(inner);
        clock.sleep_until(clock.now() + RETENTION_PAUSE).await;
    }
}

/// Looks at all executions once, with a pause after each page, and at what nobody needs any more. Tells how many were deleted.
pub(crate) async fn pass(inner: &Arc<Inner>, pause: Duration) -> Result<u64, SignalError> {
    let mut deleted = 0;
    if inner.limits.retention.deletes() {
        deleted = executions(inner, pause).await?;
    }
    for chore in &inner.chores {
        chore().await;
    }
    sweep(inner).await?;
    Ok(deleted)
}

async fn executions(inner: &Arc<Inner>, pause: Duration) -> Result<u64, SignalError> {
    let mut deleted = 0;
    let mut page = Page {
        limit: HEADS_PER_PASS,
        ..Page::default()
    };
    loop {
        let heads = inner.store.executions("", page.clone()).await?;
        for head in &heads {
            if inner.limits.retention.is_over(head, inner.clock.now()) {
                deleted += u64::from(delete(inner, head).await?);
            }
        }
        if heads.len() < HEADS_PER_PASS {
            return Ok(deleted);
        }
        page.after = heads.last().map(|head| head.exec.as_str().to_owned());
        if !pause.is_zero() {
            inner.clock.sleep_until(inner.clock.now() + pause).await;
        }
    }
}

/// Deletes what removed executions and replaced documents left behind.
async fn sweep(inner: &Arc<Inner>) -> Result<(), SignalError> {
    while inner.store.sweep(SWEEP_ROWS).await? {
        // Others first: each step is a transaction of its own.
        tokio::task::yield_now().await;
    }
    match inner.store.collect().await {
        Ok(0) => {}
        Ok(blobs) => tracing::info!(blobs, "values that nobody needs any more were deleted"),
        // Somebody wrote meanwhile: the next look comes.
        Err(CommitError::Conflict(what)) => tracing::debug!("no values are deleted now: {what}"),
        Err(error) => return Err(ReadError(error.to_string()).into()),
    }
    Ok(())
}

/// False when somebody came back to it meanwhile.
async fn delete(inner: &Arc<Inner>, head: &Head) -> Result<bool, ReadError> {
    match inner.store.remove(&head.exec, head.version).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict(what)) => {
            tracing::debug!(exec = %head.exec, "is kept: {what}");
            Ok(false)
        }
        Err(error) => Err(ReadError(error.to_string())),
    }
}
