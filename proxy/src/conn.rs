//! One client connection, as its requests see it: known once, read many times.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;

use crate::activity::Activity;

/// A client connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// The client's address, an IPv4 one in its own form.
    pub(crate) peer: SocketAddr,
    /// The client's address without port, as a header field's value.
    pub(crate) peer_ip: HeaderValue,
    /// Our port that the client connected to, as a header field's value.
    pub(crate) port: HeaderValue,
    /// Whether it came over TLS.
    pub(crate) is_tls: bool,
    /// What it is doing.
    pub(crate) activity: Arc<Activity>,
}

impl Conn {
    pub(crate) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        is_tls: bool,
        activity: Arc<Activity>,
    ) -> Self {
        let ip = peer.ip().to_canonical();
        Self {
            peer: SocketAddr::new(ip, peer.port()),
            peer_ip: address(ip),
            port: HeaderValue::from(local.port()),
            is_tls,
            activity,
        }
    }

    /// `http` or `https`, as the client spoke it.
    pub(crate) fn scheme(&self) -> HeaderValue {
        HeaderValue::from_static(if self.is_tls { "https" } else { "http" })
    }
}

/// The text of an address is always a legal value.
fn address(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or(HeaderValue::from_static(""))
}
