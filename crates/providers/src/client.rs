//! HTTP as all providers need it: addresses from the configuration, a client that follows no redirects, what went wrong below a request.

use std::time::Duration;

use bedplate_base::{Error, Result, Timestamp};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use crate::{Failure, Fault};

/// The URL of `base_url` with `path` behind it.
///
/// # Errors
/// `Validation` when that is no URL that requests can be sent to.
pub(crate) fn endpoint(name: &str, base_url: &str, path: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Error::validation(format!(
            "bedplate.toml: base_url of [providers.{name}] {why}; it looks like \"http://127.0.0.1:8000/v1\""
        ))
    };
    let url = Url::parse(&format!("{base_url}{path}")).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("is neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user name or password, which belongs into api_key_env or api_key_file",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a part behind ? or #"));
    }
    Ok(url)
}

/// A client for one server. Redirects are not followed: they would carry the prompt elsewhere.
pub(crate) fn client(endpoint: &Url, connect: Duration) -> Result<Client, String> {
    // Somebody else in the process may have installed it: that is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = Client::builder()
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bedplate/", env!("CARGO_PKG_VERSION")));
    if endpoint.scheme() == "http" {
        // Needs no certificates: a machine without any can still use a model at home.
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(endpoint) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| root_of(&error))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The request got no answer: nothing listens, or the connection broke before the first byte.
pub(crate) fn unreachable(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "cannot be reached"
    } else {
        "broke the connection without an answer"
    };
    Failure::raw(Fault::Unavailable, format!("{what} ({})", root_of(error))).retryable(None)
}

/// The innermost cause: the outer ones repeat the URL.
pub(crate) fn root_of(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// How long the provider asks to wait: milliseconds, seconds, or a date, which is compared with the answer's own `Date`: clocks differ.
pub(crate) fn wait_asked_for(headers: &HeaderMap<HeaderValue>) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |name: &str| text(name)?.parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|millis| millis / 1_000.0)
        .or_else(|| number(RETRY_AFTER.as_str()));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let (until, now) = (date(text(RETRY_AFTER.as_str())?)?, date(text(DATE.as_str())?)?);
    Some(until.since(now))
}

/// A date as HTTP writes it (RFC 9110, IMF-fixdate): `Wed, 21 Oct 2026 07:28:00 GMT`.
fn date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse_iso(&format!("{year}-{month:02}-{day}T{time}Z"))
}

pub(crate) fn is_json(response: &Response) -> bool {
    let kind = content_type(response);
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The content type; empty for none.
pub(crate) fn content_type(response: &Response) -> &str {
    response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis() as f64 / 1_000.0)
}
