//! Forwarding: requests to AWS services that are not served here go on to another address, and its answers come back as they are.
//!
//! Method, path, query, headers and body travel as they came, so that the client's own signature stays right; with credentials of its own in
//! the configuration the request is signed anew instead. What this module refuses to know: what a forwarded request means. It is no part of
//! the main path: a request gets here when the router has no place for it.

mod config;
mod message;

use std::sync::Arc;
use std::time::Duration;

use bedplate_base::{Error, Kind, Timestamp, random_id};
use bedplate_credentials::Keys;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

pub use config::UpstreamConfig;
use config::{Access, Address};
pub(crate) use message::without_signature;

use crate::limits::{UPSTREAM_CONNECT_TIME, UPSTREAM_IDLE_MAX, UPSTREAM_TIME};
use crate::refusal::Refusal;
use crate::sigv4::Scope;

/// Where requests go that are not ours.
pub struct Upstream {
    address: Address,
    access: Option<Access>,
    /// Our name in `Via`: a request that carries it has been here before.
    pseudonym: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A request on its way.
pub(crate) struct Forwarded {
    /// Its head.
    pub(crate) parts: Parts,
    /// Whose signature it carries, and for which service.
    pub(crate) scope: Option<Scope>,
    /// The body as it came.
    pub(crate) raw: Bytes,
    /// The body without frames of `aws-chunked`; none when it had none.
    pub(crate) unframed: Option<Bytes>,
    /// Now.
    pub(crate) now: Timestamp,
}

/// An answer of the upstream; its body breaks off with an error when the upstream falls silent.
pub(crate) type Answer = http::Response<BoxStream<'static, Result<Bytes, Error>>>;

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("address", &self.address)
            .field("signs", &self.access.is_some())
            .finish_non_exhaustive()
    }
}

impl Upstream {
    fn new(address: Address, access: Option<Access>) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        // A machine without certificates can still forward to an emulator beside it.
        let tls = match address.is_plain() {
            true => tls.with_root_certificates(rustls::RootCertStore::empty()),
            false => tls
                .try_with_platform_verifier()
                .map_err(|error| format!("the certificates of this machine cannot be read: {error}"))?,
        };
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(UPSTREAM_CONNECT_TIME));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(UPSTREAM_IDLE_MAX)
            .build(connector);
        Ok(Self {
            address,
            access,
            pseudonym: format!("bedplate-{}", random_id(12)),
            client,
        })
    }

    /// Sends a request on and gives back what comes: within `patience` an answer's head, and then each piece of its body.
    pub(crate) async fn forward(&self, request: Forwarded, patience: Duration) -> Result<Answer, Refusal> {
        if message::has_passed(&request.parts.headers, &self.pseudonym) {
            let message = "The request came back to the server that had forwarded it: the upstream's address leads here. Set --upstream to the \
                           address of another server.";
            return Err(Refusal::new(StatusCode::LOOP_DETECTED, "UpstreamLoopException", message));
        }
        let (scheme, authority) = self.address.of(request.scope.as_ref())?;
        let shown = format!("{scheme}://{authority}");
        let keys = match (&self.access, &request.scope) {
            (Some(access), Some(_)) => Some(access.keys().await?),
            _ => None,
        };
        let request = self.request(request, keys.as_deref(), scheme, authority)?;
        let answer = match timeout(patience, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unreachable(&shown, &error)),
            Err(_) => {
                let seconds = patience.as_secs_f32();
                let message = format!("The upstream {shown}, which has this AWS service, did not answer within {seconds} seconds.");
                return Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "UpstreamTimeoutException", message));
            }
        };
        let (mut parts, body) = answer.into_parts();
        message::strip(&mut parts.headers);
        Ok(http::Response::from_parts(parts, pieces(body, shown, patience)))
    }

    /// Sends a request of our own to a service at the upstream, signed with the credentials of the configuration where there are some; gives back
    /// its answer's status and no more than `bytes_max` of its body.
    ///
    /// # Errors
    /// [`Kind::Dependency`] when the upstream cannot be reached or falls silent, [`Kind::Quota`] when its answer is longer.
    pub async fn ask(
        &self,
        request: http::Request<Bytes>,
        scope: Scope,
        now: Timestamp,
        bytes_max: u64,
    ) -> Result<(StatusCode, Bytes), Error> {
        let (parts, raw) = request.into_parts();
        let forwarded = Forwarded {
            parts,
            scope: Some(scope),
            raw,
            unframed: None,
            now,
        };
        let answer = self.forward(forwarded, UPSTREAM_TIME).await;
        let answer = answer.map_err(|refusal| Error::new(Kind::Dependency, refusal.message))?;
        let (status, mut body) = (answer.status(), answer.into_body());
        let mut bytes = bytes::BytesMut::new();
        while let Some(piece) = futures_util::StreamExt::next(&mut body).await {
            let piece = piece?;
            if (bytes.len() + piece.len()) as u64 > bytes_max {
                return Err(Error::new(Kind::Quota, format!("The answer has more than {bytes_max} bytes.")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((status, bytes.freeze()))
    }

    fn request(
        &self,
        request: Forwarded,
        keys: Option<&Keys>,
        scheme: Scheme,
        authority: Authority,
    ) -> Result<http::Request<Full<Bytes>>, Refusal> {
        let Forwarded {
            mut parts,
            scope,
            raw,
            unframed,
            now,
        } = request;
        let expects_host = parts.uri.authority().map(|authority| authority.as_str().to_owned());
        message::strip(&mut parts.headers);
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::EXPECT);
        if let (false, Some(host)) = (parts.headers.contains_key(header::HOST), expects_host) {
            put(&mut parts.headers, header::HOST.as_str(), &host)?;
        }
        let mut target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut body = raw;
        if let (Some(keys), Some(scope)) = (keys, &scope) {
            if let Some(unframed) = unframed {
                body = unframed;
                message::forget_frames(&mut parts.headers);
            }
            target = message::without_signature(&mut parts.headers, &target);
            put(&mut parts.headers, header::HOST.as_str(), authority.as_str())?;
            Access::sign(keys, &mut parts, &target, scope, &body, now)?;
        }
        put_via(&mut parts.headers, &self.pseudonym)?;
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
        parts.uri = uri.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "SerializationException", format!("{error}")))?;
        parts.version = http::Version::HTTP_11;
        parts.extensions.clear();
        Ok(http::Request::from_parts(parts, Full::new(body)))
    }
}

/// Appends our name to those of the proxies before us.
fn put_via(headers: &mut HeaderMap, pseudonym: &str) -> Result<(), Refusal> {
    let value = HeaderValue::from_str(&format!("1.1 {pseudonym}")).map_err(|_| Refusal::internal())?;
    headers.append(header::VIA, value);
    Ok(())
}

/// Sets a header.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Refusal> {
    let value = HeaderValue::from_str(value).map_err(|_| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "SerializationException",
            format!("The header {name} cannot be sent on."),
        )
    })?;
    headers.insert(name, value);
    Ok(())
}

/// The upstream is not there, with what the machine says about it.
fn unreachable(shown: &str, error: &hyper_util::client::legacy::Error) -> Refusal {
    let mut chain = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        chain.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    let message = format!("The upstream {shown}, which has this AWS service, cannot be reached: {chain}. Is it running?");
    Refusal::new(StatusCode::BAD_GATEWAY, "UpstreamUnavailableException", message)
}

/// The pieces of a body; an error instead of the next one when none comes in time.
fn pieces(body: Incoming, shown: String, patience: Duration) -> BoxStream<'static, Result<Bytes, Error>> {
    let failed = |message: String| Error::new(Kind::Dependency, message);
    Box::pin(stream::unfold(Some((body, shown)), move |state| async move {
        let (mut body, shown) = state?;
        loop {
            match timeout(patience, body.frame()).await {
                Ok(None) => return None,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Some((Ok(data), Some((body, shown)))),
                    Err(_trailers) => {}
                },
                Ok(Some(Err(error))) => {
                    return Some((Err(failed(format!("The answer of the upstream {shown} broke off: {error}."))), None));
                }
                Err(_) => return Some((Err(failed(format!("The answer of the upstream {shown} stood still."))), None)),
            }
        }
    }))
}
