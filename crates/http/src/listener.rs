//! Accepts connections, and ends the lot in good order.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bedplate_wire::Operation;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::body::Budget;
use crate::connection;
use crate::door::Doors;
use crate::gate::Gate;
use crate::limits::{Limits, is_turn};
use crate::metrics::Telemetry;
use crate::observe::Observer;
use crate::seats::{PeerFull, Seats};
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
    /// What is told of all requests.
    pub telemetry: Telemetry,
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
    pub(crate) telemetry: Telemetry,
    pub(crate) phase: watch::Receiver<Phase>,
    /// Everything but the admin door.
    pub(crate) requests: Gate,
    pub(crate) admin: Gate,
    pub(crate) turns: Turns,
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
        telemetry,
    } = server;
    let grace = limits.grace_time;
    let shared = Arc::new(Shared {
        requests: Gate::new("requests", limits.requests_max, 0, Duration::ZERO),
        admin: Gate::new("requests of its own tools", limits.admin_max, 0, Duration::ZERO),
        turns: Turns::new(&limits),
        budget: Budget::new(limits.bodies_bytes_max),
        phase: phases,
        doors,
        limits,
        credentials,
        observer,
        telemetry,
        alive,
    });
    let seats = Seats::new(&shared.limits);
    tokio::select! {
        () = accept(&listener, &seats, &shared) => {}
        () = seats.shed() => {}
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

/// The work that lasts: turns of agents, and calls of models. Two gates, because the tools of a turn may call models.
pub(crate) struct Turns {
    pub(crate) agents: Gate,
    pub(crate) models: Gate,
}

impl Turns {
    fn new(limits: &Limits) -> Self {
        let gate = |what| Gate::new(what, limits.turns_max, limits.turns_waiting_max, limits.turn_wait);
        Self {
            agents: gate("turns"),
            models: gate("model calls"),
        }
    }

    /// The gate that an operation has to pass.
    pub(crate) fn of(&self, operation: &Operation) -> Option<&Gate> {
        match operation.service {
            _ if !is_turn(operation) => None,
            "bedrock-runtime" => Some(&self.models),
            _ => Some(&self.agents),
        }
    }
}

/// Takes connections for ever. While everybody is at work, new ones wait: one here, the rest in the kernel.
async fn accept(listener: &TcpListener, seats: &Arc<Seats>, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match seats.take(peer.ip()).await {
                Ok(seat) => {
                    let shared = Arc::clone(shared);
                    tokio::spawn(connection::run(stream, peer, seat, shared));
                }
                Err(PeerFull) => refuse(&stream),
            },
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Tells a peer that has too many connections, if it listens, and hangs up.
fn refuse(stream: &TcpStream) {
    const BODY: &str = r#"{"message":"This address has too many connections to the server; close some, or try again in a moment."}"#;
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nx-amzn-errortype: ThrottlingException\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    // What does not fit into the socket's buffer at once is not worth waiting for.
    let _ = stream.try_write(answer.as_bytes());
}
