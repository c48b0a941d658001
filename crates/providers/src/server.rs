//! One configured provider: what it speaks, and everything about calling it that does not depend on that: time limits, sizes, retries, the
//! gate before it, what a status means.
//!
//! One call is one POST, tried again a few times while nothing of the answer is out. Dropping the future drops the connection.

use std::sync::OnceLock;
use std::time::Duration;

use bedplate_base::{Result, random_uuid};
use bedplate_converse::{Reply, Request, Usage};
use bedplate_journal::Part;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, Url};
use serde_json::Value;

use crate::client::{self, content_type, is_json, root_of, seconds, unreachable, wait_asked_for};
use crate::failure::Retry;
use crate::frames::{Broken, Frame, Frames, Framing};
use crate::gate::{BREAKER_FAILURES, BREAKER_PAUSE, CONCURRENCY, Gate, QUEUE, Rules};
use crate::protocol::{Draft, Post, Protocol, excerpt};
use crate::sse::{Overlong, REPLY_BYTES_MAX};
use crate::{Failure, Fault, ProviderConfig, ProviderKind, anthropic, bedrock, openai, trace};

/// What stands where the provider's address stood.
const HERE: &str = "[its address]";
/// How long a connection may take to be made. Ours.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the first byte of a streamed reply may take. Ours.
const FIRST_BYTE: Duration = Duration::from_secs(60);
/// How long a reply may stay silent. Ours.
const IDLE: Duration = Duration::from_secs(60);
/// How long a whole reply may take (the limit of OpenAI's own clients).
const REPLY: Duration = Duration::from_secs(600);
/// Tries of one call, the first included, unless the configuration says otherwise. Ours: more belongs to the agent, which can tell its user.
const TRIES: u32 = 3;
/// The wait before the second try; it grows fourfold. Ours.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest that a wait grows, however many tries are configured. Ours.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest wait that a provider may ask for; a longer one fails the call at once. Ours.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);
/// Most bytes of an error answer that are read. Ours.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A server that answers for models.
#[derive(Debug)]
pub struct Server {
    name: String,
    /// As configured, for people.
    base_url: String,
    /// Whether causes of failures say the address: whoever reads them may be anybody.
    tells_address: bool,
    pub(crate) protocol: Box<dyn Protocol>,
    pub(crate) limits: Limits,
    pub(crate) gate: Gate,
    /// Built at the first call: loading root certificates takes time and may fail, which must not keep anyone from starting.
    client: OnceLock<Result<Client, String>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    connect: Duration,
    first_byte: Duration,
    idle: Duration,
    pub(crate) reply: Duration,
    reply_bytes_max: usize,
    tries: u32,
    backoff: Duration,
}

impl Server {
    /// The server called `name`. Its keys are read by `environment` or from the files that `config` names.
    ///
    /// # Errors
    /// `Validation` when an address is missing or wrong, or a key cannot be read.
    pub fn new(name: &str, config: &ProviderConfig, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let (protocol, base_url): (Box<dyn Protocol>, String) = match config.kind {
            ProviderKind::OpenAi => {
                let protocol = openai::OpenAi::new(name, config, environment)?;
                let base_url = protocol.base_url().to_owned();
                (Box::new(protocol), base_url)
            }
            ProviderKind::Anthropic => {
                let protocol = anthropic::Anthropic::new(name, config, environment)?;
                let base_url = protocol.base_url().to_owned();
                (Box::new(protocol), base_url)
            }
            ProviderKind::Bedrock => {
                let protocol = bedrock::Bedrock::new(name, config, environment)?;
                let base_url = protocol.base_url().to_owned();
                (Box::new(protocol), base_url)
            }
        };
        Ok(Self {
            name: name.to_owned(),
            base_url,
            tells_address: true,
            protocol,
            limits: Limits {
                connect: config.connect_timeout.unwrap_or(CONNECT),
                first_byte: config.first_byte_timeout.unwrap_or(FIRST_BYTE),
                idle: config.idle_timeout.unwrap_or(IDLE),
                reply: config.reply_timeout.unwrap_or(REPLY),
                reply_bytes_max: config.reply_bytes_max.unwrap_or(REPLY_BYTES_MAX),
                tries: config.tries.map_or(TRIES, |tries| tries.get()),
                backoff: BACKOFF,
            },
            gate: Gate::new(Rules {
                concurrency: config.concurrency.map_or(CONCURRENCY, |calls| calls.get() as usize),
                queue: config.queue.map_or(QUEUE, |calls| calls as usize),
                breaker_failures: config.breaker_failures.unwrap_or(BREAKER_FAILURES),
                breaker_pause: config.breaker_pause.unwrap_or(BREAKER_PAUSE),
            }),
            client: OnceLock::new(),
        })
    }

    /// With causes of failures that do not say the address; the log does.
    #[must_use]
    pub fn without_address(mut self) -> Self {
        self.tells_address = false;
        self
    }

    /// Sets the wait before the second try, so that tests need not wait.
    pub fn with_backoff(mut self, backoff: Duration) -> Self {
        self.limits.backoff = backoff;
        self
    }

    /// Asks `model`. Parts go to `report` as they come; the reply is whole.
    ///
    /// # Errors
    /// What failed, said for people, with the tokens that are known to be spent.
    pub async fn call(&self, request: &Request, model: &str, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let pass = self.gate.enter().map_err(|failure| self.described(failure))?;
        let result = self.tried(request, model, report).await;
        match &result {
            Ok(_) => pass.tell(false),
            Err(failure) => match failure.fault {
                Fault::Unavailable | Fault::Timeout => pass.tell(true),
                // Says nothing of whether it works.
                Fault::Throttled | Fault::NotReady | Fault::Malformed => drop(pass),
                Fault::AccessDenied | Fault::NotFound | Fault::Validation => pass.tell(false),
            },
        }
        result
    }

    async fn tried(&self, request: &Request, model: &str, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let mut waits = waits(self.limits.backoff);
        let mut tries = 0;
        let mut lost = Usage::default();
        loop {
            tries += 1;
            let mut reported = false;
            let mut report = |part| {
                reported = true;
                report(part);
            };
            let mut failure = match self.once(request, model, &mut report).await {
                Ok(mut reply) => {
                    reply.facts.lost = lost;
                    return Ok(reply);
                }
                Err(failure) => self.failed(failure),
            };
            lost.add(&failure.usage);
            failure.usage = lost;
            let Retry::After(wait) = failure.retry else { return Err(failure) };
            if reported || tries >= self.limits.tries || wait.is_some_and(|wait| wait > RETRY_AFTER_MAX) {
                return Err(failure);
            }
            tracing::warn!(provider = %self.name, model, tries, lost_tokens = lost.total_tokens(), "{failure}; trying again");
            let ours = waits.next().unwrap_or(BACKOFF_MAX);
            tokio::time::sleep(wait.unwrap_or_else(|| jittered(ours))).await;
        }
    }

    async fn once(&self, request: &Request, model: &str, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        let _place = self.gate.place().await?;
        // Whoever sends a byte now and then is never silent and never done.
        match tokio::time::timeout(self.limits.reply, self.exchange(request, model, report)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::raw(
                Fault::Timeout,
                format!("did not end its reply within {} (reply_timeout)", seconds(self.limits.reply)),
            )),
        }
    }

    async fn exchange(&self, request: &Request, model: &str, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        self.protocol.ready().await?;
        let post = self.protocol.post(request, model)?;
        let wait = if request.streaming {
            self.limits.first_byte
        } else {
            self.limits.reply
        };
        let accept = match (request.streaming, self.protocol.framing()) {
            (false, _) => "application/json",
            (true, Framing::Sse) => "text/event-stream",
            (true, Framing::EventStream) => "application/vnd.amazon.eventstream",
        };
        let response = self.send(post, accept, wait).await?;
        let mut draft = self.protocol.draft(request, model);
        let spent = |draft: &dyn Draft, mut failure: Failure| {
            failure.usage = draft.usage();
            failure
        };
        if is_json(&response) {
            let value = self.json(response, wait).await?;
            draft
                .whole(&value, &mut |part| report(part))
                .map_err(|failure| spent(&*draft, failure))?;
        } else if request.streaming {
            self.stream(response, &mut *draft, report)
                .await
                .map_err(|failure| spent(&*draft, failure))?;
        } else {
            let kind = Some(content_type(&response))
                .filter(|kind| !kind.is_empty())
                .unwrap_or("no content type");
            return Err(Failure::raw(
                Fault::Malformed,
                format!("answered with {kind} instead of application/json; does base_url end as the server wants it (often /v1)?"),
            ));
        }
        let usage = draft.usage();
        draft.finish().map_err(|mut failure| {
            failure.usage = usage;
            failure
        })
    }

    /// Sends a POST; gives the answer when it is a good one and begins within `wait`.
    pub(crate) async fn send(&self, post: Post, accept: &'static str, wait: Duration) -> Result<Response, Failure> {
        let mut asked = self
            .client(&post.url)?
            .post(post.url)
            .headers(post.headers)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, accept);
        if let Some(parent) = trace::header() {
            asked = asked.header(trace::NAME, parent);
        }
        let sent = asked.body(post.body).send();
        let response = match tokio::time::timeout(wait, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(unreachable(&error)),
            Err(_) => {
                return Err(Failure::raw(
                    Fault::Timeout,
                    format!("did not begin to answer within {}", seconds(wait)),
                ));
            }
        };
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refusal(response).await),
        }
    }

    /// A whole JSON answer, silent for at most `wait` at a time.
    pub(crate) async fn json(&self, response: Response, wait: Duration) -> Result<Value, Failure> {
        let bytes = self.body(response, self.limits.reply_bytes_max, wait).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::raw(
                Fault::Malformed,
                format!("answered with something that is not whole JSON ({error}): {}", excerpt(&bytes)),
            )
        })
    }

    /// Reads a streamed reply. It is whole once the model has said why it stopped, or the server that it is done.
    async fn stream(
        &self,
        mut response: Response,
        draft: &mut (dyn Draft + Send),
        report: &mut (dyn FnMut(Part) + Send),
    ) -> Result<(), Failure> {
        let mut frames = Frames::new(self.protocol.framing(), self.limits.reply_bytes_max);
        let mut events = Vec::new();
        let mut wait = self.limits.first_byte;
        loop {
            let piece = match tokio::time::timeout(wait, response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => break,
                // Whatever happens after the model's last word is no reason to lose it.
                Ok(Err(_)) | Err(_) if draft.is_finished() => return Ok(()),
                Ok(Err(error)) => {
                    return Err(Failure::raw(
                        Fault::Malformed,
                        format!("the stream broke off ({})", root_of(&error)),
                    ));
                }
                Err(_) => return Err(Failure::raw(Fault::Timeout, format!("the stream was silent for {}", seconds(wait)))),
            };
            wait = self.limits.idle;
            let read = frames.push(&piece, &mut events);
            for event in events.drain(..) {
                if draft.event(&event, &mut |part| report(part))? {
                    return Ok(());
                }
            }
            read.map_err(|broken| self.broken(broken))?;
        }
        let rest: Option<Frame> = frames.finish();
        if draft.is_finished() {
            return Ok(());
        }
        match rest {
            Some(event) if draft.event(&event, &mut |part| report(part))? || draft.is_finished() => Ok(()),
            _ => Err(Failure::raw(Fault::Malformed, "the stream ended in the middle of the reply")),
        }
    }

    /// What an answer other than 2xx means.
    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status();
        let headers = response.headers().clone();
        let wait = wait_asked_for(&headers);
        let bytes = self.beginning(response).await;
        let (fault, said) = self.protocol.refusal(status.as_u16(), &headers, &bytes);
        let moved = headers.get("location").and_then(|to| to.to_str().ok());
        let cause = match moved.filter(|_| status.is_redirection()) {
            Some(to) => format!(
                "answered {} to {to}; redirects are not followed, set base_url to where the server is",
                status.as_u16()
            ),
            None => format!(
                "answered {}: {}",
                status.as_u16(),
                if said.is_empty() { "(nothing said)" } else { &said }
            ),
        };
        let failure = Failure::raw(fault, cause);
        if matches!(fault, Fault::Throttled | Fault::Unavailable | Fault::NotReady) {
            failure.retryable(wait)
        } else {
            failure
        }
    }

    /// A whole body of at most `bytes_max`, silent for at most `wait` at a time.
    async fn body(&self, mut response: Response, bytes_max: usize, wait: Duration) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        loop {
            match tokio::time::timeout(wait, response.chunk()).await {
                Ok(Ok(Some(piece))) if bytes.len() + piece.len() > bytes_max => {
                    return Err(self.broken(Broken::Overlong(Overlong::Reply)));
                }
                Ok(Ok(Some(piece))) => bytes.extend_from_slice(&piece),
                Ok(Ok(None)) => return Ok(bytes),
                Ok(Err(error)) => return Err(Failure::raw(Fault::Malformed, format!("the reply broke off ({})", root_of(&error)))),
                Err(_) => return Err(Failure::raw(Fault::Timeout, format!("the reply was silent for {}", seconds(wait)))),
            }
        }
    }

    /// The beginning of an error answer, or what came of it.
    async fn beginning(&self, mut response: Response) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Ok(Some(piece))) = tokio::time::timeout(self.limits.idle, response.chunk()).await {
            bytes.extend_from_slice(&piece[..piece.len().min(ERROR_BYTES_MAX - bytes.len())]);
            if bytes.len() >= ERROR_BYTES_MAX {
                break;
            }
        }
        bytes
    }

    fn client(&self, url: &Url) -> Result<&Client, Failure> {
        self.client
            .get_or_init(|| client::client(url, self.limits.connect))
            .as_ref()
            .map_err(|why| Failure::raw(Fault::Unavailable, format!("no HTTP client could be made ({why})")))
    }

    fn broken(&self, broken: Broken) -> Failure {
        let what = match broken {
            Broken::Overlong(Overlong::Line) => {
                format!("a line of the stream is longer than {} bytes", crate::sse::LINE_BYTES_MAX)
            }
            Broken::Overlong(Overlong::Reply) => {
                format!("the reply is longer than {} bytes (reply_bytes_max)", self.limits.reply_bytes_max)
            }
            Broken::Frame(why) => format!("a frame of the stream cannot be read ({why})"),
        };
        Failure::raw(Fault::Malformed, what)
    }

    /// A call that failed, described; the log has the address that clients are not told.
    pub(crate) fn failed(&self, failure: Failure) -> Failure {
        let failure = self.described(failure);
        if !self.tells_address {
            tracing::warn!(target: "providers", provider = self.name, address = self.base_url, "{}", failure.cause);
        }
        failure
    }

    /// Says who failed, and hides the key should the provider have quoted it; only then is the cause shortened.
    pub(crate) fn described(&self, failure: Failure) -> Failure {
        let said = self.protocol.hide(&failure.cause);
        let cause = if self.tells_address {
            format!("provider {:?} ({}): {said}", self.name, self.base_url)
        } else {
            format!("provider {:?}: {}", self.name, without_address(said, &self.base_url))
        };
        Failure {
            retry: failure.retry,
            usage: failure.usage,
            ..Failure::new(failure.fault, cause)
        }
    }
}

/// `said` without the address, whole or in parts that a server may quote. A bare name without a dot may be any word and stays.
fn without_address(said: String, base_url: &str) -> String {
    let Ok(url) = Url::parse(base_url) else { return said };
    let host = url.host_str().unwrap_or_default();
    let with_port = url.port_or_known_default().map(|port| format!("{host}:{port}")).unwrap_or_default();
    let host = if host.contains(['.', ':']) { host } else { "" };
    let parts = [base_url, with_port.as_str(), host].into_iter().filter(|part| !part.is_empty());
    parts.fold(said, |said, part| said.replace(part, HERE))
}

/// The waits before the second try and those after it.
fn waits(first: Duration) -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(first), |wait| Some(wait.saturating_mul(4).min(BACKOFF_MAX)))
}

/// Between half and all of `wait`, so that calls that failed together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let dice = random_uuid()
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    wait / 2 + wait.mul_f64(f64::from(dice % 1_000) / 2_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out() {
        let base_url = "https://models.inner.example:8443/v1";
        for (said, told) in [
            ("cannot be reached (refused)", "cannot be reached (refused)"),
            ("no route https://models.inner.example:8443/v1/chat", "no route [its address]/chat"),
            (
                "Host models.inner.example:8443 at models.inner.example",
                "Host [its address] at [its address]",
            ),
        ] {
            assert_eq!(without_address(said.to_owned(), base_url), told);
        }
        let plain = "http://model:80/v1";
        assert_eq!(
            without_address("the model at model:80".to_owned(), plain),
            "the model at [its address]"
        );
    }

    #[test]
    fn waits_grow_up_to_a_bound() {
        let waits: Vec<u64> = waits(BACKOFF).take(7).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [0, 1, 4, 16, 30, 30, 30]);
        for _ in 0..100 {
            assert!((Duration::from_secs(15)..=BACKOFF_MAX).contains(&jittered(BACKOFF_MAX)));
        }
    }
}
