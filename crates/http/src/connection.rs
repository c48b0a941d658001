//! One connection: its protocol, its idle time, its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::exchange::exchange;
use crate::limits::Limits;
use crate::listener::{Phase, Shared};
use crate::patient::Patient;
use crate::seats::Seat;

/// How long a connection that was asked to close may take for it.
const CLOSE_TIME: Duration = Duration::from_secs(1);
/// Pings on silent HTTP/2 connections, so that a vanished client is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Bytes of responses that HTTP/2 keeps for one slow stream.
const SEND_BYTES_MAX: usize = 256 << 10;
/// Bytes of one body that an HTTP/2 client may send before we read on. A body of 25 MB over loopback would crawl with 64 KB.
const WINDOW_BYTES: u32 = 1 << 20;

/// Serves a connection until it ends, lies idle, has to make room, or the server has to go.
pub(crate) async fn run(stream: TcpStream, peer: SocketAddr, seat: Seat, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "no TCP_NODELAY");
    }
    let limits = shared.limits.clone();
    let activity = &seat.activity;
    let service = service_fn(|request| {
        let (shared, busy) = (Arc::clone(&shared), activity.busy());
        async move { Ok::<_, Infallible>(exchange(shared, peer, request, busy).await) }
    });
    let builder = builder(&limits);
    let stream = Patient::new(stream, limits.write_stall_time);
    let waits = stream.waits();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let (mut draining, mut gone) = (shared.phase.clone(), shared.phase.clone());
    let mut closing = false;
    let mut check = activity.idle_at(limits.header_time);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            _ = draining.wait_for(|phase| *phase >= Phase::Draining), if !closing => {
                connection.as_mut().graceful_shutdown();
                closing = true;
                check = Instant::now() + CLOSE_TIME;
            }
            _ = gone.wait_for(|phase| *phase >= Phase::Gone) => return,
            () = seat.asked_to_leave() => {
                tracing::debug!(%peer, "connection closed to make room");
                return;
            }
            () = sleep_until(check) => {
                if activity.is_stalled(limits.write_stall_time) {
                    tracing::debug!(%peer, "the client does not read its answers");
                    return;
                }
                let patience = if closing { CLOSE_TIME } else { limits.header_time };
                // The last of an answer is handed over long before a slow client has read it.
                let idle_at = match waits.load(Ordering::Relaxed) {
                    true => Instant::now() + patience,
                    false => activity.idle_at(patience),
                };
                if idle_at > Instant::now() {
                    check = idle_at;
                } else if closing {
                    return;
                } else {
                    connection.as_mut().graceful_shutdown();
                    closing = true;
                    check = Instant::now() + CLOSE_TIME;
                }
            }
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers_max)
        .max_buf_size(limits.header_bytes_max.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES * 4)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    builder
}
