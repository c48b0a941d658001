//! Sends spans to an OTLP receiver over HTTP. It has a queue of its own with a bound: a receiver that is slow, down or gone costs spans, which
//! are counted, and nothing else.

#![allow(
    clippy::disallowed_methods,
    reason = "the time of sending is the machine's own, and nothing durable depends on it"
)]

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::Board;
use crate::config::TelemetryConfig;
use crate::otlp::{self, Resource};
use crate::span::Span;

/// Turns whose spans wait to be sent. Ours: some seconds of a busy server.
const WAITING_MAX: usize = 4_096;
/// Spans of one request (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE` is 512 by default; a turn is never divided).
const BATCH: usize = 512;
/// How long the first span waits for others. Ours: the SDKs' five seconds make people think that nothing works.
const DELAY: Duration = Duration::from_secs(1);
/// How long a request may take (`OTEL_EXPORTER_OTLP_TIMEOUT` is 10 s by default).
const REQUEST: Duration = Duration::from_secs(10);
/// Waits before other tries of a batch that the receiver could not take yet. Ours.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// At most one line about failures in the log in this time. Ours.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Where spans go; cheap to clone.
#[derive(Clone)]
pub struct Exporter {
    queue: mpsc::Sender<Work>,
    board: Arc<Board>,
}

enum Work {
    Spans(Vec<Span>),
    /// Send what waits, then say so.
    Flush(oneshot::Sender<()>),
}

struct Sending {
    client: Client,
    url: Url,
    headers: HeaderMap,
    resource: Resource,
    board: Arc<Board>,
    told: Option<Instant>,
}

impl Exporter {
    /// What the configuration or the environment asks for; none when neither names a receiver. It works from the first span on, on the
    /// runtime that this is called in.
    ///
    /// # Errors
    /// An address, a protocol or headers that cannot be used, with the name of the key or variable.
    pub fn start(
        config: &TelemetryConfig,
        environment: &dyn Fn(&str) -> Option<String>,
        version: &'static str,
        board: &Arc<Board>,
    ) -> Result<Option<Self>, String> {
        let get = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        if get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let Some((name, address)) = address(config, &get) else {
            return Ok(None);
        };
        for variable in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if let Some(protocol) = get(variable).filter(|protocol| protocol != "http/protobuf") {
                return Err(format!(
                    "{variable}: {protocol:?} is not spoken here, only \"http/protobuf\" is (often on port 4318)"
                ));
            }
        }
        let url = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| format!("{name}: this is not an address such as \"http://127.0.0.1:4318\""))?;
        let mut headers = HeaderMap::new();
        for variable in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"] {
            for pair in get(variable).unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty()) {
                // They hold keys: an error must not repeat them.
                let header = read_header(pair).ok_or_else(|| format!("{variable}: write it as name=value,name=value"))?;
                headers.insert(header.0, header.1);
            }
        }
        let client = client(&url).map_err(|error| format!("{name}: no HTTP client could be made ({error})"))?;
        let (queue, work) = mpsc::channel(WAITING_MAX);
        let sending = Sending {
            client,
            url,
            headers,
            resource: resource(&get, version),
            board: Arc::clone(board),
            told: None,
        };
        #[allow(
            clippy::disallowed_methods,
            reason = "it ends with the last sender, and nothing durable depends on it"
        )]
        tokio::spawn(sending.run(work));
        Ok(Some(Self {
            queue,
            board: Arc::clone(board),
        }))
    }

    /// Hands over a turn's spans; drops them when too much waits.
    pub(crate) fn send(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        if self.queue.try_send(Work::Spans(spans)).is_err() {
            self.board.spans.add(&["dropped"], count);
        }
    }

    /// Sends what waits, for at most `patience`.
    pub async fn flush(&self, patience: Duration) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.queue.send(Work::Flush(done)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        if timeout(patience, flush).await.is_err() {
            tracing::warn!(target: "bedplate::telemetry", "the last spans could not be sent in time");
        }
    }
}

impl Sending {
    async fn run(mut self, mut work: mpsc::Receiver<Work>) {
        while let Some(first) = work.recv().await {
            let (mut spans, mut waiting) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            let deadline = Instant::now() + DELAY;
            loop {
                match next {
                    Some(Work::Spans(more)) => spans.extend(more),
                    Some(Work::Flush(done)) => waiting.push(done),
                    None => break,
                }
                if spans.len() >= BATCH || !waiting.is_empty() {
                    break;
                }
                next = timeout_at(deadline, work.recv()).await.ok().flatten();
            }
            if !spans.is_empty() {
                self.export(&spans).await;
            }
            waiting.into_iter().for_each(|done| done.send(()).unwrap_or_default());
        }
    }

    async fn export(&mut self, spans: &[Span]) {
        let body = bytes::Bytes::from(otlp::encode(&self.resource, spans));
        let mut pauses = AGAIN.into_iter();
        let problem = loop {
            let problem = match self.post(body.clone()).await {
                Ok(()) => return self.board.spans.add(&["exported"], spans.len() as u64),
                Err(problem) => problem,
            };
            match pauses.next().filter(|_| problem.passes) {
                Some(pause) => sleep(pause).await,
                None => break problem.text,
            }
        };
        self.board.spans.add(&["failed"], spans.len() as u64);
        if self.told.is_none_or(|told| told.elapsed() > TELL_EVERY) {
            self.told = Some(Instant::now());
            let receiver = self.url.origin().ascii_serialization();
            tracing::warn!(target: "bedplate::telemetry", receiver, spans = spans.len(), "spans could not be sent and are lost: {problem}");
        }
    }

    async fn post(&self, body: bytes::Bytes) -> Result<(), Problem> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone());
        let sent = request.header(CONTENT_TYPE, "application/x-protobuf").body(body).send().await;
        match sent {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(Problem {
                // The statuses that OTLP/HTTP calls retryable.
                passes: matches!(response.status().as_u16(), 429 | 502..=504),
                text: format!("it answered {}", response.status()),
            }),
            Err(error) => Err(Problem {
                passes: false,
                text: root_of(&error),
            }),
        }
    }
}

struct Problem {
    passes: bool,
    text: String,
}

/// The receiver's address, and what named it.
fn address(config: &TelemetryConfig, get: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let base = |address: String| format!("{}/v1/traces", address.trim_end_matches('/'));
    if let Some(address) = &config.otlp {
        return Some(("telemetry.otlp", base(address.clone())));
    }
    let whole = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let of_all = "OTEL_EXPORTER_OTLP_ENDPOINT";
    get(whole)
        .map(|address| (whole, address))
        .or_else(|| get(of_all).map(|address| (of_all, base(address))))
}

/// `name=value`, the value percent-encoded, as in W3C baggage.
fn read_header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
}

fn resource(get: &dyn Fn(&str) -> Option<String>, version: &'static str) -> Resource {
    let mut attributes = vec![
        ("service.name".to_owned(), "bedplate".to_owned()),
        ("service.version".to_owned(), version.to_owned()),
    ];
    let mut set = |key: &str, value: String| match attributes.iter_mut().find(|(other, _)| other == key) {
        Some((_, old)) => *old = value,
        None => attributes.push((key.to_owned(), value)),
    };
    for pair in get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default().split(',') {
        if let Some((key, value)) = pair.split_once('=') {
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            set(key.trim(), value);
        }
    }
    if let Some(name) = get("OTEL_SERVICE_NAME") {
        set("service.name", name);
    }
    Resource { attributes, version }
}

fn client(url: &Url) -> Result<Client, String> {
    // Somebody else in the process may have installed it: that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .timeout(REQUEST)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bedplate/", env!("CARGO_PKG_VERSION")));
    if url.scheme() == "http" {
        // Needs no certificates.
        builder = builder.tls_certs_only([]);
    }
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| root_of(&error))
}

/// The innermost cause: the outer ones repeat the address, which may hold a key.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
