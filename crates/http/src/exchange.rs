//! One request and its answer: who may, which door, how much body; then the door's work as a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Place, Timestamp, random_uuid};
use bedplate_wire::{Body, Context, Fault, Hints, Request, Response, RouteError, Routed, is_form};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use hyper::body::Incoming;

use crate::access::Line;
use crate::activity::Busy;
use crate::body;
use crate::buckets::{self, BucketDoor, Objects, Target};
use crate::limits::{BODY_BYTES_MAX, FORM_BYTES_MAX, UPSTREAM_BYTES_MAX, body_bytes_max, ends_with_client};
use crate::listener::{Phase, Shared};
use crate::metrics;
use crate::observe;
use crate::origin;
use crate::outgoing::Outgoing;
use crate::refusal::{Envelope, RETRY_AFTER, Refusal};
use crate::sigv4::{Credentials, Head, Proof, Scope};
use crate::trace;
use crate::upstream::{self, Forwarded, Upstream};

const REQUEST_ID: &str = "x-amzn-requestid";
const TARGET: &str = "x-amz-target";
const ADMIN: &str = "/_bedplate";
const METRICS: &str = "/metrics";
const READY: &str = "/readyz";
/// The signing name of buckets.
const SIGNED_FOR_S3: &str = "s3";
/// The signing name of the admin door.
const ADMIN_SERVICE: &str = "bedplate";
/// Larger bodies are hashed on a thread of their own: a megabyte takes about a millisecond.
const HASH_INLINE_BYTES: usize = 1 << 20;
/// Characters of an `amz-sdk-invocation-id`; SDKs send UUIDs.
const INVOCATION_ID_MAX: usize = 128;
const WELCOME: &str = "This is Bedplate, an Amazon Bedrock Agents API on your machine.\n\
    Point an AWS SDK at this address (AWS_ENDPOINT_URL) and go on as usual. GET /healthz tells whether it is ready.\n";

/// Where a request goes.
enum Goal {
    Health,
    Metrics,
    Welcome,
    Admin,
    Service(Routed),
    /// An operation that the body names.
    Form,
    /// A bucket.
    Buckets(Arc<dyn BucketDoor>, Target),
    /// A service that is not served here.
    Upstream(Arc<Upstream>),
}

/// What a request is answered with.
enum Answer {
    Ours(Response),
    Theirs(upstream::Answer),
}

/// Answers one request.
pub(crate) async fn exchange(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: http::Request<Incoming>,
    mut busy: Busy,
) -> http::Response<Outgoing> {
    let (parts, incoming) = request.into_parts();
    let scope = Scope::of(&parts.headers, parts.uri.query().unwrap_or_default());
    let target = Target::of(&parts, scope.as_ref());
    let envelope = match target {
        Some(_) => Envelope::S3,
        None => Envelope::of(&parts.headers, scope.as_ref()),
    };
    let mut context = context(&shared, peer, &parts.headers, scope.as_ref());
    let waits_to_send = parts.version < Version::HTTP_2 && parts.headers.contains_key(header::EXPECT);
    let mut line = Line::new(
        &parts.method,
        parts.uri.path(),
        &context.request_id,
        shared.telemetry.finished.clone(),
    );

    let mut known = None;
    let found = find(&shared, peer, &parts, scope.as_ref(), target, context.received_at).and_then(|(goal, proof)| {
        line.operation = name(&goal);
        if let Goal::Service(routed) = &goal {
            known = Some((routed.service, routed.operation));
        }
        proof.opens(known.map(|(service, _)| service.name))?;
        if let Some((service, _)) = known {
            proof.covers(service.signing_name)?;
        }
        Ok((goal, proof))
    });
    let answered = match found {
        Ok((goal, proof)) => {
            sign(&mut context, &proof);
            let asked = Asked {
                scope: proof.signer.as_ref().map(|signer| signer.scope.clone()).or(scope),
                proof,
                parts,
                incoming,
            };
            answer(&shared, goal, asked, context.clone(), &mut line, &mut busy).await
        }
        Err(refusal) => {
            body::forget(incoming, &parts.headers).await;
            Err(refusal)
        }
    };
    let refusal = answered.as_ref().err().cloned();
    let answer = answered.unwrap_or_else(|refusal| Answer::Ours(refusal.into_response(known, envelope, &context)));
    let mut reply = match answer {
        Answer::Theirs(answer) => pass(answer, line, busy),
        Answer::Ours(response) => {
            if let Some(fault) = &response.fault {
                log(&context.request_id, response.status, fault);
            }
            if let Some(observer) = &shared.observer {
                observe::tell(observer, &line, &context, &response, refusal.as_ref());
            }
            send(response, line, busy)
        }
    };
    if waits_to_send && !reply.status().is_success() {
        // Its body was perhaps never asked for: what comes next on the connection cannot be told from it. The client has to know, or its next
        // request meets the end of the connection.
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// The goal of a request and what its signature is worth so far, from its head alone.
fn find(
    shared: &Shared,
    peer: SocketAddr,
    parts: &Parts,
    scope: Option<&Scope>,
    target: Option<Target>,
    now: Timestamp,
) -> Result<(Goal, Proof), Refusal> {
    let path = parts.uri.path();
    if path == "/healthz" || path == READY {
        return Ok((Goal::Health, Proof::NONE));
    }
    if let Some(page) = origin::foreign_page(&parts.headers) {
        let message = format!("A web page at {page} tried to use this server; only pages of this machine may.");
        return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDeniedException", message));
    }
    let head = Head {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
    };
    let for_us = scope.is_none_or(|scope| scope.service == ADMIN_SERVICE);
    if path == METRICS && for_us && shared.telemetry.metrics.is_some() && matches!(parts.method, Method::GET | Method::HEAD) {
        return match shared.telemetry.is_public {
            true => Ok((Goal::Metrics, Proof::NONE)),
            false => Ok((Goal::Metrics, admin(shared, peer, &head, now)?)),
        };
    }
    if path
        .strip_prefix(ADMIN)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        return Ok((Goal::Admin, admin(shared, peer, &head, now)?));
    }
    if let (Some(target), Some(door)) = (target, &shared.doors.buckets) {
        let proof = match target.old {
            true => shared.credentials.examine_old(&head, target.host.as_deref(), now)?,
            false => shared.credentials.examine(&head, now)?,
        };
        return match &shared.doors.upstream {
            Some(upstream) if !target.is_here(door.as_ref()) => Ok((Goal::Upstream(Arc::clone(upstream)), proof)),
            _ => {
                proof.covers(SIGNED_FOR_S3)?;
                Ok((Goal::Buckets(Arc::clone(door), target), proof))
            }
        };
    }
    let plain = scope.is_none() && !parts.headers.contains_key(TARGET);
    let form = is_form(parts.method.as_str(), path, parts.uri.query().unwrap_or_default(), &parts.headers);
    if plain && !form && path == "/" && (parts.method == Method::GET || parts.method == Method::HEAD) {
        return Ok((Goal::Welcome, Proof::NONE));
    }
    let proof = shared.credentials.examine(&head, now)?;
    let scope = proof.signer.as_ref().map(|signer| &signer.scope).or(scope);
    let hints = Hints {
        signing_name: scope.map(|scope| scope.service.as_str()),
        target: parts.headers.get(TARGET).and_then(|value| value.to_str().ok()),
    };
    let query = parts.uri.query().unwrap_or_default();
    let goal = match away(shared, hints.signing_name) {
        Some(upstream) => Goal::Upstream(upstream),
        None if form => Goal::Form,
        None => open(
            shared,
            hints.signing_name,
            shared.doors.router.route(parts.method.as_str(), path, query, hints),
        )?,
    };
    Ok((goal, proof))
}

/// The upstream, for a request that is signed for a service that the router does not know.
fn away(shared: &Shared, signing_name: Option<&str>) -> Option<Arc<Upstream>> {
    let upstream = shared.doors.upstream.as_ref()?;
    let known = signing_name.is_none_or(|name| shared.doors.router.serves(name));
    (!known).then(|| Arc::clone(upstream))
}

/// The goal of a routed request: its door, or the upstream where there is no door, or no route for what is not signed.
fn open(shared: &Shared, signing_name: Option<&str>, routed: Result<Routed, RouteError>) -> Result<Goal, RouteError> {
    match (&shared.doors.upstream, routed) {
        (Some(upstream), Ok(routed)) if !shared.doors.services.contains_key(routed.service.name) => {
            Ok(Goal::Upstream(Arc::clone(upstream)))
        }
        (Some(upstream), Err(error)) if signing_name.is_none() && matches!(error.code, "UnknownOperationException" | "InvalidAction") => {
            Ok(Goal::Upstream(Arc::clone(upstream)))
        }
        (_, Ok(routed)) => Ok(Goal::Service(routed)),
        (_, Err(error)) => Err(error),
    }
}

/// The admin door is open to this machine, and to whoever signs with a key that is meant for it.
fn admin(shared: &Shared, peer: SocketAddr, head: &Head<'_>, now: Timestamp) -> Result<Proof, Refusal> {
    let denied = |message: String| Refusal::new(StatusCode::FORBIDDEN, "AccessDeniedException", message);
    let any = matches!(shared.credentials, Credentials::Any);
    let local = origin::is_local(peer) && origin::names_this_machine(head.uri, head.headers);
    if local && (any || !origin::is_forwarded(head.headers)) {
        return Ok(Proof::NONE);
    }
    if any {
        let message = "The admin door is open to this machine only (by a loopback address or as localhost).";
        return Err(denied(message.to_owned()));
    }
    let proof = shared.credentials.examine(head, now)?;
    proof.covers(ADMIN_SERVICE)?;
    match &proof.signer {
        Some(signer) if signer.admin => Ok(proof),
        signer => {
            let name = signer.as_ref().map_or("-", |signer| signer.name.as_str());
            Err(denied(format!(
                "The key {name} does not open the admin door; write admin = true under [keys.{name}] if it should."
            )))
        }
    }
}

/// Writes into the context what a signature has proven.
fn sign(context: &mut Context, proof: &Proof) {
    if let Some(signer) = &proof.signer {
        context.access_key = Some(signer.scope.access_key.clone());
        if let Some(region) = &signer.scope.region {
            context.place.region.clone_from(region);
        }
        if let Some(account) = &signer.account {
            context.place.account.clone_from(account);
        }
    }
}

/// For the log.
fn name(goal: &Goal) -> String {
    match goal {
        Goal::Health => "healthz".to_owned(),
        Goal::Metrics => "metrics".to_owned(),
        Goal::Welcome => "welcome".to_owned(),
        Goal::Admin => "admin".to_owned(),
        Goal::Service(routed) => format!("{}:{}", routed.service.name, routed.operation.name),
        Goal::Form => "form".to_owned(),
        Goal::Buckets(..) => "s3".to_owned(),
        Goal::Upstream(_) => "upstream".to_owned(),
    }
}

/// A request whose body is still outside.
struct Asked {
    proof: Proof,
    parts: Parts,
    incoming: Incoming,
    /// What it is signed for: proven where keys are configured.
    scope: Option<Scope>,
}

async fn answer(
    shared: &Arc<Shared>,
    goal: Goal,
    asked: Asked,
    context: Context,
    line: &mut Line,
    busy: &mut Busy,
) -> Result<Answer, Refusal> {
    let Asked {
        proof,
        mut parts,
        incoming,
        scope,
    } = asked;
    let bytes_max = match &goal {
        Goal::Health => return Ok(Answer::Ours(health(*shared.doors.ready.borrow()))),
        Goal::Welcome => return Ok(Answer::Ours(text(StatusCode::OK, WELCOME))),
        Goal::Metrics => return Ok(Answer::Ours(numbers(shared))),
        Goal::Admin => BODY_BYTES_MAX,
        Goal::Form => FORM_BYTES_MAX,
        Goal::Upstream(_) => UPSTREAM_BYTES_MAX,
        Goal::Service(routed) => body_bytes_max(routed.operation),
        Goal::Buckets(door, target) => {
            let door = Arc::clone(door);
            return objects(shared, door, target, (proof, parts, incoming), context, busy).await;
        }
    };
    let gate = match &goal {
        Goal::Admin => &shared.admin,
        _ => &shared.requests,
    };
    if let Err(full) = gate.peek() {
        body::forget(incoming, &parts.headers).await;
        return Err(full);
    }
    let mut held = body::read(incoming, &parts.headers, bytes_max, &shared.limits, &shared.budget).await?;
    let (raw, chunked) = (held.take(), proof.is_chunked());
    let body = settle(proof, raw.clone()).await?;
    // Only from here on a request takes a place among those that are worked on: a body that does not come keeps nobody out.
    busy.work();
    let permit = gate.enter().await?;
    let goal = match goal {
        Goal::Form => {
            let signing_name = scope.as_ref().map(|scope| scope.service.as_str());
            let query = parts.uri.query().unwrap_or_default();
            let goal = open(shared, signing_name, shared.doors.router.route_form(query, &body, signing_name))?;
            line.operation = name(&goal);
            goal
        }
        goal => goal,
    };
    if let Goal::Upstream(upstream) = goal {
        let forwarded = Forwarded {
            parts,
            scope,
            raw,
            unframed: chunked.then_some(body),
            now: context.received_at,
        };
        return Ok(Answer::Theirs(upstream.forward(forwarded, shared.limits.upstream_time).await?));
    }
    drop(raw); // with its frames it may be a second copy
    if chunked {
        unframe(&mut parts.headers);
    }
    let request = Request {
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
        context,
    };
    let turn = match &goal {
        Goal::Service(routed) => match shared.turns.of(routed.operation) {
            Some(gate) => Some(Arc::new(gate.enter().await?)),
            None => None,
        },
        _ => None,
    };
    busy.place.clone_from(&turn);
    let request_id = request.context.request_id.clone();
    let tied = matches!(&goal, Goal::Service(routed) if ends_with_client(routed.operation));
    // The door is called inside the task, so that even a panic before its first await ends only this request.
    let work: BoxFuture<'static, Response> = match goal {
        Goal::Service(routed) => match shared.doors.services.get(routed.service.name).map(Arc::clone) {
            Some(door) => Box::pin(async move { door.call(routed, request).await }),
            None => {
                let refused = Fault::not_implemented(routed.operation).into_response(routed.service, &request.context);
                return Ok(Answer::Ours(refused));
            }
        },
        _ => {
            let door = Arc::clone(&shared.doors.admin);
            Box::pin(async move { door.call(request).await })
        }
    };
    perform(shared, work, &request_id, tied, (permit, turn, held))
        .await
        .map(Answer::Ours)
}

/// A request of S3: its body passes through while the door works.
async fn objects(
    shared: &Arc<Shared>,
    door: Arc<dyn BucketDoor>,
    target: &Target,
    (proof, parts, incoming): (Proof, Parts, Incoming),
    context: Context,
    busy: &mut Busy,
) -> Result<Answer, Refusal> {
    if let Err(full) = shared.requests.peek() {
        body::forget(incoming, &parts.headers).await;
        return Err(full);
    }
    let headers = parts.headers.clone();
    let (request, passage) = match buckets::open(parts, target, proof.passing(), incoming, &shared.limits) {
        Ok(opened) => opened,
        Err((refusal, incoming)) => {
            body::forget(incoming, &headers).await;
            return Err(refusal);
        }
    };
    busy.work();
    let permit = shared.requests.enter().await?;
    let request_id = context.request_id.clone();
    let work: BoxFuture<'static, Objects> = Box::pin(async move { door.call(request, context).await });
    let mut answer = perform(shared, work, &request_id, false, permit).await?;
    passage.close(!answer.status().is_success()).await?;
    buckets::name(&mut answer, &request_id);
    Ok(Answer::Theirs(answer))
}

/// Verifies a body.
async fn settle(proof: Proof, body: Bytes) -> Result<Bytes, Refusal> {
    if body.len() <= HASH_INLINE_BYTES {
        return Ok(proof.settle(body)?);
    }
    match tokio::task::spawn_blocking(move || proof.settle(body)).await {
        Ok(settled) => Ok(settled?),
        Err(failure) => {
            tracing::error!(%failure, "the verification of a body panicked");
            Err(Refusal::internal())
        }
    }
}

/// Takes the frames out of the headers, as they are taken out of the body.
pub(crate) fn unframe(headers: &mut HeaderMap) {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let kept: Vec<&str> = encoding
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    match HeaderValue::from_str(&kept.join(",")) {
        Ok(value) if !kept.is_empty() => headers.insert(header::CONTENT_ENCODING, value),
        _ => headers.remove(header::CONTENT_ENCODING),
    };
}

/// Ends a task when its client has left.
struct Tied(tokio::task::AbortHandle);

impl Drop for Tied {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does a door's work as a task: a client that hangs up must not cut a commit in two. Its places stay taken until it is done. Work that is
/// `tied` to its client ends with it.
async fn perform<T: Send + 'static, P: Send + 'static>(
    shared: &Arc<Shared>,
    work: BoxFuture<'static, T>,
    request_id: &str,
    tied: bool,
    places: P,
) -> Result<T, Refusal> {
    let (mut phase, alive) = (shared.phase.clone(), shared.alive.clone());
    let task = tokio::spawn(async move {
        let _held = (places, alive);
        tokio::select! {
            response = work => Ok(response),
            _ = phase.wait_for(|phase| *phase == Phase::Gone) => Err(Refusal::busy("The server is shutting down.")),
        }
    });
    let _tied = tied.then(|| Tied(task.abort_handle()));
    match task.await {
        Ok(done) => done,
        Err(failure) => {
            tracing::error!(request_id, %failure, "a door panicked");
            Err(Refusal::internal())
        }
    }
}

fn context(shared: &Shared, peer: SocketAddr, headers: &HeaderMap, scope: Option<&Scope>) -> Context {
    let doors = &shared.doors;
    let region = scope.and_then(|scope| scope.region.clone());
    let invocation_id = headers.get("amz-sdk-invocation-id").and_then(|value| value.to_str().ok());
    Context {
        request_id: random_uuid(),
        place: Place {
            account: doors.place.account.clone(),
            region: region.unwrap_or_else(|| doors.place.region.clone()),
        },
        access_key: scope.map(|scope| scope.access_key.clone()),
        invocation_id: invocation_id.filter(|id| id.len() <= INVOCATION_ID_MAX).map(str::to_owned),
        trace_parent: trace::parent(headers),
        received_at: doors.clock.now(),
        peer: Some(peer.ip().to_canonical()),
        strict: doors.strict,
    }
}

/// Hands a response to the connection.
fn send(response: Response, mut line: Line, busy: Busy) -> http::Response<Outgoing> {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::new();
    let mut put =
        |name: &'static str, value: &str| match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => {
                headers.append(name, value);
            }
            _ => tracing::warn!(name, "a response's header cannot be sent and is left out"),
        };
    response.headers.iter().for_each(|(name, value)| put(name, value));
    let has = |name: &str| response.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !has(REQUEST_ID) {
        put(REQUEST_ID, &line.request_id);
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) && !has("retry-after") {
        put("retry-after", RETRY_AFTER);
    }
    line.status = Some(status);
    let mut reply = http::Response::new(Outgoing::new(response.body, line, busy));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

/// Hands an answer of the upstream to the connection, as it came.
fn pass(answer: upstream::Answer, mut line: Line, busy: Busy) -> http::Response<Outgoing> {
    let (parts, body) = answer.into_parts();
    line.status = Some(parts.status);
    let mut reply = http::Response::new(Outgoing::new(Body::Stream(body), line, busy));
    *reply.status_mut() = parts.status;
    *reply.headers_mut() = parts.headers;
    reply
}

/// The edge logs a failure once, with its chain.
fn log(request_id: &str, status: u16, fault: &Fault) {
    let mut chain = String::new();
    let mut source = fault.source.as_deref().map(|source| source as &dyn std::error::Error);
    while let Some(error) = source {
        chain.push_str(&format!(": {error}"));
        source = error.source();
    }
    let (code, message) = (&fault.code, &fault.message);
    match status {
        500.. => tracing::warn!(request_id, status, %code, "{message}{chain}"),
        _ => tracing::debug!(request_id, status, %code, "{message}{chain}"),
    }
}

fn health(ready: bool) -> Response {
    match ready {
        true => text(StatusCode::OK, "ok\n"),
        false => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    }
}

fn numbers(shared: &Shared) -> Response {
    Response {
        status: 200,
        headers: vec![("content-type", "text/plain; version=0.0.4; charset=utf-8".to_owned())],
        body: Body::Full(metrics::text(shared).into()),
        fault: None,
    }
}

fn text(status: StatusCode, text: &'static str) -> Response {
    Response {
        status: status.as_u16(),
        headers: vec![("content-type", "text/plain; charset=utf-8".to_owned())],
        body: Body::Full(Bytes::from_static(text.as_bytes())),
        fault: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_the_headers_with_the_body() {
        for (before, after) in [
            ("aws-chunked", None),
            ("AWS-Chunked,gzip", Some("gzip")),
            ("gzip", Some("gzip")),
            (" , ", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(before));
            unframe(&mut headers);
            assert_eq!(
                headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap()),
                after,
                "{before}"
            );
        }
    }
}
