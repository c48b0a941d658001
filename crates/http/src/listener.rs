//! Accepts connections, and ends the lot in good order.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::body::Budget;
use crate::connection;
use crate::door::Doors;
use crate::limits::Limits;
use crate::observe::Observer;
use crate::sigv4::Credentials;

/// Pause after a failed accept: out of file descriptors does not get better by trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a listener serves, and how.
#[derive(Clone)]
pub struct Server {
    /// Who answers.
    pub doors: Doors,
    /// How much of everything.
    pub limits: Limits,
    /// Whose signatures.
    pub credentials: Credentials,
    /// Who is told of requests that fail.
    pub observer: Option<Observer>,
}

/// How a listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request got its whole answer.
    Whole,
    /// Some were still running when the time was up.
    Cut,
}

/// The three phases of a listener's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    Draining,
    Gone,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) doors: Doors,
    pub(crate) limits: Limits,
    pub(crate) credentials: Credentials,
    pub(crate) observer: Option<Observer>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) budget: Budget,
    /// Held by everything that has to end before the listener has ended.
    pub(crate) alive: mpsc::Sender<()>,
}

/// Serves until `shutdown` resolves, then lets running requests finish for [`Limits::grace_time`] and drops the rest.
pub async fn serve(listener: TcpListener, server: Server, shutdown: impl Future<Output = ()>) -> Drained {
    let (phase, phases) = watch::channel(Phase::Open);
    let (alive, mut all_gone) = mpsc::channel(1);
    let Server {
        doors,
        limits,
        credentials,
        observer,
    } = server;
    let grace = limits.grace_time;
    let shared = Arc::new(Shared {
        requests: Arc::new(Semaphore::new(limits.requests_max)),
        budget: Budget::new(limits.bodies_bytes_max),
        phase: phases,
        doors,
        limits,
        credentials,
        observer,
        alive,
    });
    tokio::select! {
        () = accept(&listener, &shared) => {}
        () = pin!(shutdown) => {}
    }
    drop(listener);
    drop(shared);
    phase.send_replace(Phase::Draining);
    let drained = match timeout(grace, all_gone.recv()).await {
        Ok(_) => Drained::Whole,
        Err(_) => Drained::Cut,
    };
    phase.send_replace(Phase::Gone);
    drained
}

/// Takes connections for ever. While all places are taken, new ones wait in the kernel.
async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.limits.connections_max));
    loop {
        let place = Arc::clone(&places)
            .acquire_owned()
            .await
            .expect("invariant: this semaphore is never closed");
        match listener.accept().await {
            Ok((stream, peer)) => {
                let shared = Arc::clone(shared);
                tokio::spawn(async move {
                    connection::run(stream, peer, shared).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
