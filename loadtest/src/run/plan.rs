//! The load to make, checked and complete: what every request of a run needs to know.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::uri::Authority;
use tokio_rustls::TlsConnector;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
    Grpc,
    WebSocket,
}

impl Protocol {
    /// What a scheme stands for, and whether over TLS.
    pub(super) fn of(scheme: &str, http2: bool) -> Option<(Self, bool)> {
        let http = if http2 { Self::Http2 } else { Self::Http1 };
        match scheme {
            "http" => Some((http, false)),
            "https" => Some((http, true)),
            "grpc" => Some((Self::Grpc, false)),
            "grpcs" => Some((Self::Grpc, true)),
            "ws" => Some((Self::WebSocket, false)),
            "wss" => Some((Self::WebSocket, true)),
            _ => None,
        }
    }

    /// Whether several requests can be under way on one connection.
    pub(super) fn shares_connections(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc)
    }
}

/// The load to make.
pub(super) struct Plan {
    /// Host and port to connect to.
    pub(super) address: (String, u16),
    pub(super) tls: Option<TlsConnector>,
    pub(super) protocol: Protocol,
    /// The host to ask for.
    pub(super) authority: Authority,
    pub(super) path: String,
    pub(super) method: Method,
    pub(super) body: Bytes,
    /// The status that is a success.
    pub(super) expect: u16,
    pub(super) connections: u32,
    pub(super) streams: u32,
    pub(super) new_connections: bool,
    pub(super) requests: u64,
    pub(super) duration: Option<Duration>,
    pub(super) rate: Option<u32>,
    pub(super) timeout: Duration,
}
