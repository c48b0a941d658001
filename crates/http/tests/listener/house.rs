//! A listener with doors that tests can hold open.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bedplate_base::{BoxFuture, Clock, Error, Place, Timestamp};
use bedplate_http::{Credentials, Door, Doors, Drained, Limits, Observer, Refused, Server, ServiceDoor, Telemetry, Upstream, serve};
use bedplate_wire::{Body, EMPTY, Operation, Protocol, Request, Response, Routed, Router, Segment, Service};
use bytes::Bytes;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A running listener.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) ready: watch::Sender<bool>,
    /// What `/stream` sends, one sender per request.
    pub(crate) streams: mpsc::Receiver<mpsc::Sender<Result<Bytes, Error>>>,
    /// What lets `/wait` go on, one per request; closed when the handler was dropped.
    pub(crate) waits: mpsc::Receiver<oneshot::Sender<()>>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) ended: JoinHandle<Drained>,
    /// What the observer was told.
    pub(crate) refused: Arc<Mutex<Vec<Refused>>>,
}

/// Bytes of `/large`: more than sockets hold.
pub(crate) const LARGE: usize = 64 << 20;

struct Rooms {
    streams: mpsc::Sender<mpsc::Sender<Result<Bytes, Error>>>,
    waits: mpsc::Sender<oneshot::Sender<()>>,
}

struct Room(Arc<Rooms>);

impl Door for Room {
    fn call(&self, request: Request) -> BoxFuture<'static, Response> {
        let rooms = Arc::clone(&self.0);
        Box::pin(async move {
            let body = match request.path.strip_prefix("/_bedplate").unwrap_or(&request.path) {
                "/stream" => {
                    let (send, receive) = mpsc::channel(1);
                    rooms.streams.send(send).await.unwrap();
                    Body::Stream(Box::pin(stream::unfold(receive, |mut receive| async {
                        receive.recv().await.map(|item| (item, receive))
                    })))
                }
                "/wait" => {
                    let (go, gone) = oneshot::channel();
                    rooms.waits.send(go).await.unwrap();
                    gone.await.unwrap();
                    Body::Full(Bytes::from_static(b"waited"))
                }
                "/large" => Body::Full(Bytes::from(vec![b'x'; LARGE])),
                "/for-ever" => pending().await,
                "/panic" => panic!("a mistake of a door"),
                _ => {
                    let Request {
                        method,
                        path,
                        query,
                        body,
                        context,
                        ..
                    } = request;
                    let (place, key) = (context.place, context.access_key.unwrap_or_default());
                    Body::Full(Bytes::from(format!(
                        "{method} {path} ?{query} {} bytes from {key}@{place}",
                        body.len()
                    )))
                }
            };
            Response {
                status: 200,
                headers: Vec::new(),
                body,
                fault: None,
            }
        })
    }
}

impl ServiceDoor for Room {
    fn call(&self, _: Routed, request: Request) -> BoxFuture<'static, Response> {
        Door::call(self, request)
    }
}

struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }
}

const fn any(name: &'static str, method: &'static str) -> Operation {
    Operation {
        name,
        service: "test",
        method,
        uri: "/{path+}",
        path: &[Segment::Greedy("path")],
        slash: false,
        query: &[],
        status: 200,
        input: &EMPTY,
        output: &EMPTY,
        errors: &[],
        arn: None,
    }
}

const fn service(name: &'static str, operations: &'static [Operation]) -> Service {
    Service {
        name,
        title: name,
        signing_name: "bedrock",
        protocol: Protocol::RestJson1,
        target_prefix: None,
        operations,
        errors: &[],
    }
}

/// Everything but DELETE is an operation.
static TEST: Service = service(
    "test",
    &[any("Get", "GET"), any("Head", "HEAD"), any("Post", "POST"), any("Put", "PUT")],
);
/// A service that nobody has built.
static UNBUILT: Service = service(
    "unbuilt",
    &[Operation {
        service: "unbuilt",
        ..any("Patch", "PATCH")
    }],
);

/// A service of turns: `TURN /path`.
static TURNS: Service = service(
    "bedrock-agent-runtime",
    &[Operation {
        service: "bedrock-agent-runtime",
        ..any("InvokeAgent", "TURN")
    }],
);

/// A service whose operations are named in forms.
static FORMS: Service = Service {
    signing_name: "sts",
    protocol: Protocol::AwsQuery,
    ..service(
        "forms",
        &[Operation {
            service: "forms",
            query: &[("Action", "Ask"), ("Version", "2026-11-21")],
            ..any("Ask", "POST")
        }],
    )
};

impl House {
    /// A listener on a free port.
    pub(crate) async fn open(limits: Limits) -> Self {
        Self::open_with(limits, Credentials::Any, Timestamp::from_millis(0)).await
    }

    /// One that asks for signatures, at a time that stands still.
    pub(crate) async fn open_with(limits: Limits, credentials: Credentials, now: Timestamp) -> Self {
        Self::open_beside(limits, credentials, now, |_| None).await
    }

    /// The same with an upstream, which may depend on the listener's own address.
    pub(crate) async fn open_beside(
        limits: Limits,
        credentials: Credentials,
        now: Timestamp,
        upstream: impl FnOnce(SocketAddr) -> Option<Arc<Upstream>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ready, is_ready) = watch::channel(true);
        let (streams_in, streams) = mpsc::channel(8);
        let (waits_in, waits) = mpsc::channel(8);
        let room = Arc::new(Room(Arc::new(Rooms {
            streams: streams_in,
            waits: waits_in,
        })));
        let doors = Doors {
            buckets: None,
            router: Arc::new(Router::new(&[&TEST, &UNBUILT, &FORMS, &TURNS])),
            services: ["test", "forms", "bedrock-agent-runtime"]
                .map(|name| (name, Arc::clone(&room) as Arc<dyn ServiceDoor>))
                .into(),
            admin: room,
            upstream: upstream(address),
            ready: is_ready,
            place: Place::default(),
            clock: Arc::new(Stopped(now)),
            strict: false,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let refused: Arc<Mutex<Vec<Refused>>> = Arc::default();
        let told = Arc::clone(&refused);
        let observer: Observer = Arc::new(move |request| told.lock().unwrap().push(request));
        let server = Server {
            doors,
            limits,
            credentials,
            observer: Some(observer),
            telemetry: Telemetry {
                metrics: Some(Arc::new(|| "counted 1\n".to_owned())),
                ..Telemetry::default()
            },
        };
        let ended = tokio::spawn(serve(listener, server, async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            ready,
            streams,
            waits,
            stop: Some(stop),
            ended,
            refused,
        }
    }

    /// A plain connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the listener closes.
    pub(crate) async fn talk(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await; // a reset after the answer is as good as an end
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks the listener to end.
    pub(crate) fn shut_down(&mut self) {
        let _ = self.stop.take().expect("once").send(());
    }
}

/// Reads until `mark` has come.
pub(crate) async fn read_until(socket: &mut TcpStream, mark: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.contains(mark) {
        let count = socket.read(&mut buffer).await.unwrap();
        assert!(count > 0, "ended before {mark:?}: {text:?}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}
