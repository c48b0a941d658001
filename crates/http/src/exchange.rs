//! One request and its answer: who may, which door, how much body; then the door's work as a task of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use bedplate_base::{Place, random_uuid};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;

use crate::access::Line;
use crate::body;
use crate::connection::Busy;
use crate::door::{Door, Head, Route};
use crate::limits::BODY_BYTES_MAX;
use crate::listener::{Phase, Shared};
use crate::origin;
use crate::outgoing::Outgoing;
use crate::refusal::{Envelope, Refusal};
use crate::seam::{Body, Context, Request, Response};
use crate::sigv4::Scope;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ADMIN: &str = "/_bedplate";
const WELCOME: &str = "This is Bedplate, an Amazon Bedrock Agents API on your machine.\n\
    Point an AWS SDK at this address (AWS_ENDPOINT_URL) and go on as usual. GET /healthz tells whether it is ready.\n";

/// Answers one request.
pub(crate) async fn exchange(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: http::Request<Incoming>,
    busy: Busy,
) -> http::Response<Outgoing> {
    let (parts, incoming) = request.into_parts();
    let request_id = random_uuid();
    let mut line = Line::new(&parts.method, parts.uri.path(), &request_id);
    let scope = Scope::of(&parts.headers, parts.uri.query().unwrap_or_default());
    let envelope = Envelope::of(&parts.headers, scope.as_ref());

    let answered = answer(&shared, peer, parts, incoming, scope, &mut line).await;
    let slow = matches!(&answered, Err(refusal) if refusal.status == StatusCode::REQUEST_TIMEOUT);
    let mut response = answered.unwrap_or_else(|refusal| {
        tracing::debug!(request_id, code = refusal.code, message = refusal.message, "refused");
        refusal.into_response(envelope, &request_id)
    });
    if !response.headers.contains_key(&REQUEST_ID) {
        let id = HeaderValue::from_str(&request_id).expect("invariant: a UUID is a header value");
        response.headers.insert(REQUEST_ID, id);
    }
    if slow {
        response.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    line.status = Some(response.status);
    let mut reply = http::Response::new(Outgoing::new(response.body, line, busy));
    *reply.status_mut() = response.status;
    *reply.headers_mut() = response.headers;
    reply
}

async fn answer(
    shared: &Arc<Shared>,
    peer: SocketAddr,
    parts: Parts,
    incoming: Incoming,
    scope: Option<Scope>,
    line: &mut Line,
) -> Result<Response, Refusal> {
    let path = parts.uri.path().to_owned();
    if path == "/healthz" {
        line.operation = "healthz".to_owned();
        return Ok(health(*shared.doors.ready.borrow()));
    }
    if let Some(page) = origin::foreign_page(&parts.headers) {
        let message = format!("A web page at {page} tried to use this server; only pages of this machine may.");
        return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDeniedException", message));
    }
    let route = find(shared, peer, &parts, &path, scope.as_ref())?;
    let Some(route) = route else {
        line.operation = "welcome".to_owned();
        return Ok(text(StatusCode::OK, WELCOME));
    };
    line.operation.clone_from(&route.operation);

    let Ok(permit) = Arc::clone(&shared.requests).try_acquire_owned() else {
        let message = format!("The server works on {} requests already; try again in a moment.", shared.limits.requests_max);
        return Err(Refusal::busy(&message));
    };
    let mut held = body::read(incoming, &parts.headers, route.body_bytes_max, &shared.limits, &shared.budget).await?;
    let request = Request {
        method: parts.method,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        path,
        headers: parts.headers,
        body: held.take(),
        context: context(&shared.doors.place, scope, &line.request_id),
    };
    perform(shared, route.door, request, (permit, held)).await
}

/// The door of a request; none for a stranger's plain `GET /`.
fn find(shared: &Shared, peer: SocketAddr, parts: &Parts, path: &str, scope: Option<&Scope>) -> Result<Option<Route>, Refusal> {
    if path.strip_prefix(ADMIN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        if !origin::is_local(peer) || !origin::names_this_machine(&parts.uri, &parts.headers) {
            let message = "The admin door is open to this machine only (by a loopback address or as localhost).";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "AccessDeniedException", message));
        }
        return Ok(Some(Route {
            door: Arc::clone(&shared.doors.admin),
            operation: "admin".to_owned(),
            body_bytes_max: BODY_BYTES_MAX,
        }));
    }
    let plain = scope.is_none() && !parts.headers.contains_key("x-amz-target");
    if plain && path == "/" && (parts.method == Method::GET || parts.method == Method::HEAD) {
        return Ok(None);
    }
    shared.credentials.admit(scope).map_err(|error| Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", error.message))?;
    let head = Head {
        method: &parts.method,
        path,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        scope,
    };
    shared.doors.services.route(&head).map(Some)
}

/// Runs the door as a task: a client that hangs up must not cut a commit in two. Its places stay taken until it is done.
async fn perform<P: Send + 'static>(shared: &Arc<Shared>, door: Arc<dyn Door>, request: Request, places: P) -> Result<Response, Refusal> {
    let request_id = request.context.request_id.clone();
    let (mut phase, alive) = (shared.phase.clone(), shared.alive.clone());
    let task = tokio::spawn(async move {
        let _held = (places, alive);
        tokio::select! {
            response = door.call(request) => Ok(response),
            _ = phase.wait_for(|phase| *phase == Phase::Gone) => Err(Refusal::busy("The server is shutting down.")),
        }
    });
    match task.await {
        Ok(done) => done,
        Err(failure) => {
            tracing::error!(request_id, %failure, "a door panicked");
            Err(Refusal::internal())
        }
    }
}

fn context(place: &Place, scope: Option<Scope>, request_id: &str) -> Context {
    let (access_key, region) = scope.map_or((None, None), |scope| (Some(scope.access_key), scope.region));
    Context {
        request_id: request_id.to_owned(),
        place: Place {
            account: place.account.clone(),
            region: region.unwrap_or_else(|| place.region.clone()),
        },
        access_key,
    }
}

fn health(ready: bool) -> Response {
    if ready { text(StatusCode::OK, "ok\n") } else { text(StatusCode::SERVICE_UNAVAILABLE, "starting\n") }
}

fn text(status: StatusCode, text: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Response {
        status,
        headers,
        body: Body::Full(Bytes::from_static(text.as_bytes())),
    }
}
