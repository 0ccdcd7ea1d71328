//! One client connection, as its requests see it: known once, read many times.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;

use crate::activity::Activity;
use crate::error::Error;

/// How large the heads of an HTTP/2 connection's requests in flight may be together, in bytes: a
/// hundred of what clients send, and a third of the largest.
const MAX_HEADS: usize = 256 * 1024;
/// How large the head of one may be, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// What a field counts beyond its name and value (RFC 7541, section 4.1).
const FIELD: usize = 32;

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
    /// How large the heads of its HTTP/2 requests in flight are.
    heads: AtomicUsize,
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
            heads: AtomicUsize::new(0),
        }
    }

    /// `http` or `https`, as the client spoke it.
    pub(crate) fn scheme(&self) -> HeaderValue {
        HeaderValue::from_static(if self.is_tls { "https" } else { "http" })
    }
}

impl Conn {
    /// Takes room for an HTTP/2 request's head of so many `bytes` in so many `fields`, its
    /// pseudo-header fields included, and says how much it takes.
    ///
    /// # Errors
    /// When it is too large, by itself or together with those of other requests.
    pub(crate) fn take_room(&self, bytes: usize, fields: usize) -> Result<usize, Error> {
        let size = fields.saturating_mul(FIELD).saturating_add(bytes);
        if size > MAX_HEAD {
            return Err(Error::HeadTooLarge);
        }
        let heads = self.heads.fetch_add(size, Ordering::Relaxed);
        if heads.saturating_add(size) <= MAX_HEADS {
            return Ok(size);
        }
        self.give_room(size);
        Err(Error::HeadsTooLarge)
    }

    /// Gives it back.
    pub(crate) fn give_room(&self, size: usize) {
        self.heads.fetch_sub(size, Ordering::Relaxed);
    }
}

/// The text of an address is always a legal value.
fn address(ip: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&ip.to_string()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Patience;
    use crate::timer::Clock;

    #[test]
    fn heads_have_room_until_their_requests_end() {
        let patience = Patience {
            handshake: Default::default(),
            head: Default::default(),
            body: Default::default(),
            write: Default::default(),
            idle: Default::default(),
        };
        let activity = Activity::new(&Clock::new(), &patience);
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let conn = Conn::new(address, address, false, activity);
        let most = MAX_HEAD - 5 * FIELD;
        let too_large = conn.take_room(most + 1, 5);
        assert!(matches!(too_large, Err(Error::HeadTooLarge)));
        for _ in 0..MAX_HEADS / MAX_HEAD {
            assert_eq!(conn.take_room(most, 5).ok(), Some(MAX_HEAD));
        }
        assert!(matches!(conn.take_room(0, 4), Err(Error::HeadsTooLarge)));
        conn.give_room(MAX_HEAD);
        assert_eq!(conn.take_room(0, 4).ok(), Some(4 * FIELD));
    }
}
