//! Where a request comes from: peers and web pages.
//!
//! A development server accepts any credentials, and functions that it is given run as programs of the user. A web page that the user
//! happens to visit must therefore not be able to talk to it: browsers name the page in `Origin`, and a name that was re-pointed at
//! the loopback address shows in `Host`.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Uri, header};

/// Whether the peer is this machine.
pub(crate) fn is_local(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// Whether a proxy passed the request on: a stranger may then stand behind a peer that is this machine. Only proxies that say so are seen.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    let names = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    names.iter().any(|name| headers.contains_key(*name))
}

/// The page that made the request, unless it was served from this machine. `None` for everything that is not a browser.
pub(crate) fn foreign_page(headers: &HeaderMap) -> Option<&str> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or("(unreadable)");
    let host = origin.split_once("://").map_or("", |(_, authority)| host_of(authority));
    (!is_loopback_name(host)).then_some(origin)
}

/// Whether the request names its server by an address or as `localhost`, which no stranger's DNS can point here.
pub(crate) fn names_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = uri.host().or_else(|| headers.get(header::HOST)?.to_str().ok()).map(host_of);
    host.is_none_or(|host| is_loopback_name(host) || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok())
}

/// The host of `host:port`, `[::1]:port` kept in its brackets.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => &authority[..end + 2],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
