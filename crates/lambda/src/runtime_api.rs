//! The Lambda Runtime API of one process, on a loopback port of its own.
//!
//! Documented in the Lambda developer guide, "Using the Lambda runtime API" (2018-06-01). The process is untrusted:
//! bodies, connections and calls out of turn are bounded and answered with an error, never with a panic.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::limits;

/// One invoke on its way to the process.
pub(crate) struct Work {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: i64,
    pub(crate) arn: String,
    pub(crate) trace_id: String,
    /// ASCII without line ends.
    pub(crate) client_context: Option<String>,
    pub(crate) payload: Bytes,
    /// Where the parts of its answer go, when they are wanted one by one.
    pub(crate) stream: Option<mpsc::Sender<Bytes>>,
}

/// The invoke that the process has.
struct Current {
    id: String,
    stream: Option<mpsc::Sender<Bytes>>,
}

/// What a process did.
pub(crate) enum Event {
    /// It asked for its first invoke: it has loaded.
    Ready,
    /// It could not load.
    InitError { declared: Option<String>, body: Bytes },
    /// It answered the invoke that it has.
    Answered(Bytes),
    /// It failed the invoke that it has.
    Failed { declared: Option<String>, body: Bytes },
    /// It answered with too many bytes (as many at least).
    TooLarge,
    /// It ended.
    Exited(std::process::ExitStatus),
}

/// The server's half of one process's API.
pub(crate) struct RuntimeApi {
    work: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    events: mpsc::Sender<Event>,
    ready: AtomicBool,
    current: Mutex<Option<Current>>,
}

impl RuntimeApi {
    pub(crate) fn new(work: mpsc::Receiver<Work>, events: mpsc::Sender<Event>) -> Arc<Self> {
        Arc::new(Self {
            work: tokio::sync::Mutex::new(work),
            events,
            ready: AtomicBool::new(false),
            current: Mutex::default(),
        })
    }

    /// A port of the process's own: the value of `AWS_LAMBDA_RUNTIME_API` names it.
    pub(crate) async fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    /// Serves until the task is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            while connections.len() >= limits::CONNECTIONS_MAX {
                connections.join_next().await;
            }
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors does not get better by trying at once.
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            // Small answers must leave at once; a socket that refuses the option is only slower.
            let _ = stream.set_nodelay(true);
            let api = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let api = Arc::clone(&api);
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                // A connection that breaks is the process's end or its own affair.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
            return refuse(
                StatusCode::NOT_FOUND,
                "NotFound",
                "This is the Lambda Runtime API 2018-06-01; there is nothing at this path",
            );
        };
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.respond(id, request).await,
            (&Method::POST, ["invocation", id, "error"]) => self.fail(id, request).await,
            (&Method::POST, ["init", "error"]) => self.fail_init(request).await,
            _ => {
                // Left unread, the body would end the connection.
                read(request, 0, &mut None).await;
                refuse(
                    StatusCode::NOT_FOUND,
                    "NotFound",
                    "The Lambda Runtime API (2018-06-01) has no such operation",
                )
            }
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        if !self.ready.swap(true, Ordering::Relaxed) {
            self.tell(Event::Ready);
        }
        let Some(work) = self.work.lock().await.recv().await else {
            return refuse(StatusCode::GONE, "Shutdown", "The function is being shut down");
        };
        *self.current() = Some(Current {
            id: work.request_id.clone(),
            stream: work.stream,
        });
        let mut response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", work.request_id)
            .header("Lambda-Runtime-Deadline-Ms", work.deadline_ms)
            .header("Lambda-Runtime-Invoked-Function-Arn", work.arn)
            .header("Lambda-Runtime-Trace-Id", work.trace_id);
        if let Some(context) = work.client_context {
            response = response.header("Lambda-Runtime-Client-Context", context);
        }
        response
            .body(Full::new(work.payload))
            .expect("invariant: the host checked every header value")
    }

    async fn respond(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let stream = self
            .current()
            .as_ref()
            .filter(|current| current.id == id)
            .and_then(|it| it.stream.clone());
        // A streaming runtime tells its failure in trailers; its body so far is not the answer.
        let mut trailer = None;
        let body = match &stream {
            Some(parts) => pass_on(request, parts, &mut trailer).await,
            None => read(request, limits::RESPONSE_BYTES_MAX, &mut trailer).await,
        };
        if !self.take(id) {
            return wrong_id();
        }
        match (body, trailer) {
            (Read::Whole(body), None) => self.tell(Event::Answered(body)),
            (Read::Whole(_), Some(failure)) => self.tell(Event::Failed {
                declared: Some(failure.declared),
                body: failure.body,
            }),
            (Read::TooLarge, _) => {
                self.tell(Event::TooLarge);
                return refuse(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLarge",
                    "The response is longer than 6 MB, or 200 MB when it is streamed",
                );
            }
            (Read::Broken, _) => {
                *self.current() = Some(Current { id: id.to_owned(), stream });
                return refuse(StatusCode::BAD_REQUEST, "TruncatedResponse", "The body ended early");
            }
        }
        accepted()
    }

    async fn fail(&self, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let declared = error_type(&request);
        let body = read(request, limits::RESPONSE_BYTES_MAX, &mut None).await;
        if !self.take(id) {
            return wrong_id();
        }
        let body = if let Read::Whole(body) = body { body } else { Bytes::new() };
        self.tell(Event::Failed { declared, body });
        accepted()
    }

    async fn fail_init(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let declared = error_type(&request);
        let body = read(request, limits::RESPONSE_BYTES_MAX, &mut None).await;
        if self.ready.swap(true, Ordering::Relaxed) {
            return refuse(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "The runtime has started or failed to start already",
            );
        }
        let body = if let Read::Whole(body) = body { body } else { Bytes::new() };
        self.tell(Event::InitError { declared, body });
        accepted()
    }

    /// Whether `id` is the open invoke; it is closed by this.
    fn take(&self, id: &str) -> bool {
        let mut current = self.current();
        let open = current.as_ref().is_some_and(|current| current.id == id);
        if open {
            *current = None;
        }
        open
    }

    /// Every event happens once for each invoke or process, so the channel has room; when its reader is gone, so is
    /// the interest.
    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

enum Read {
    Whole(Bytes),
    TooLarge,
    Broken,
}

/// What the trailers of a streamed answer say when the handler failed in its middle.
struct Failure {
    declared: String,
    /// Its document, in Base64 on the wire.
    body: Bytes,
}

impl Failure {
    fn read(trailers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok());
        let declared = text("Lambda-Runtime-Function-Error-Type")?;
        let body = text("Lambda-Runtime-Function-Error-Body").and_then(|text| STANDARD.decode(text).ok());
        Some(Self {
            declared: crate::function::shorten(declared, 200),
            body: body.unwrap_or_default().into(),
        })
    }
}

/// Reads a body up to `max` bytes. A longer one is read on and thrown away for a while, so that a client that does not
/// listen before it has written gets the answer.
async fn read(request: Request<Incoming>, max: usize, failure: &mut Option<Failure>) -> Read {
    let mut body = request.into_body();
    let mut whole = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::Broken };
        match frame.into_data() {
            Ok(data) => {
                length = length.saturating_add(data.len());
                if length > limits::DISCARD_BYTES_MAX {
                    return Read::TooLarge;
                }
                if length > max {
                    whole = BytesMut::new();
                } else {
                    whole.extend_from_slice(&data);
                }
            }
            Err(frame) => {
                *failure = frame.trailers_ref().and_then(Failure::read);
            }
        }
    }
    if length > max {
        Read::TooLarge
    } else {
        Read::Whole(whole.freeze())
    }
}

/// Hands a body's parts over as they come; nothing of them is kept.
async fn pass_on(request: Request<Incoming>, parts: &mpsc::Sender<Bytes>, failure: &mut Option<Failure>) -> Read {
    let mut body = request.into_body();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Read::Broken };
        match frame.into_data() {
            Ok(data) => {
                length = length.saturating_add(data.len());
                if length > limits::STREAM_BYTES_MAX {
                    return Read::TooLarge;
                }
                // Who does not read any more does not end the function.
                let _ = parts.send(data).await;
            }
            Err(frame) => *failure = frame.trailers_ref().and_then(Failure::read),
        }
    }
    Read::Whole(Bytes::new())
}

fn error_type(request: &Request<Incoming>) -> Option<String> {
    let value = request.headers().get("Lambda-Runtime-Function-Error-Type")?.to_str().ok()?;
    Some(crate::function::shorten(value, 200))
}

fn accepted() -> Response<Full<Bytes>> {
    json(StatusCode::ACCEPTED, Bytes::from_static(br#"{"status":"OK"}"#))
}

fn wrong_id() -> Response<Full<Bytes>> {
    refuse(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        "This request id is not the one that is being worked on",
    )
}

fn refuse(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json(
        status,
        serde_json::json!({"errorType": error_type, "errorMessage": message})
            .to_string()
            .into(),
    )
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        hyper::header::CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}
