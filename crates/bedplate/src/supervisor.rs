//! What systemd wants to know (`Type=notify`, sd_notify(3)): one datagram to the socket that `NOTIFY_SOCKET` names. Without it nothing happens.

use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server answers requests.
pub(crate) const READY: &str = "READY=1";
/// The server is ending.
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Tells whoever started the server, when that wants to know.
pub(crate) fn tell(state: &str) {
    if let Some(place) = std::env::var_os("NOTIFY_SOCKET").filter(|place| !place.is_empty())
        && let Err(error) = send(place.as_encoded_bytes(), state)
    {
        tracing::warn!(target: "bedplate", %error, "the service manager cannot be told that {state}");
    }
}

fn send(place: &[u8], state: &str) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let address = match place.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(place))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}
