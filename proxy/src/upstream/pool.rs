//! This worker's connections to endpoints.
//!
//! This is the only way to an upstream. A request that was never written stays with its sender,
//! so that it can go elsewhere; one that was written never goes twice from here.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use portreeve_table::Timeouts;

use super::connect::{Connector, Io, Transport};
use super::exclusive::{Exclusives, Held};
use super::room::OpenStream;
use super::shared::Shared;
use crate::error::Error;
use crate::timer::{Clock, Timer};
use crate::upload::{Progress, RequestBody};

/// What a connection is good for: only requests with the same key may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PoolKey {
    /// The endpoint.
    pub(crate) address: SocketAddr,
    /// What is spoken.
    pub(crate) transport: Transport,
}

/// A worker's connections.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) clock: Arc<Clock>,
    pub(super) exclusives: Exclusives,
    pub(super) shared: Shared,
    connector: Connector,
}

/// A request that is to be sent, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// How long to wait for what.
    pub(crate) waits: &'a Timeouts,
    /// How far its body has come, if it has one.
    pub(crate) progress: Option<&'a Progress>,
    /// Which connections may be used.
    pub(crate) reuse: Reuse,
}

/// A connection, or a part of one, that a request is using.
#[derive(Debug)]
pub(crate) enum Lease {
    /// The whole of an HTTP/1 connection.
    Exclusive(Box<Held>),
    /// A stream of an HTTP/2 connection.
    Stream(OpenStream),
}

/// What an upstream answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its response.
    pub(crate) response: Response<Incoming>,
    /// What the response's body comes over.
    pub(crate) lease: Lease,
    /// Armed for the next read.
    pub(crate) timer: Arc<Timer>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) error: Error,
    /// Whether the connection had served others before, and so may have been closing.
    pub(crate) was_reused: bool,
    /// Whether the endpoint says that it did nothing with the request.
    pub(crate) was_refused: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            was_reused: false,
            was_refused: false,
        }
    }
}

/// What may be used for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any connection.
    Allowed,
    /// Only a new one.
    Never,
}

impl Pool {
    pub(crate) fn new(clock: Arc<Clock>, connector: Connector) -> Arc<Self> {
        Arc::new(Self {
            clock,
            exclusives: Exclusives::default(),
            shared: Shared::default(),
            connector,
        })
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// The request is taken out of its place when it is written; what is still there after a
    /// failure was not.
    ///
    /// # Errors
    /// When there is no response.
    pub(crate) async fn send(
        self: &Arc<Self>,
        key: PoolKey,
        request: &mut Option<Request<RequestBody>>,
        terms: Terms<'_>,
    ) -> Result<Answer, Failure> {
        if key.transport.is_multiplexed() {
            self.send_shared(key, request, terms).await
        } else {
            self.send_exclusive(key, request, terms).await
        }
    }

    /// Opens a connection in the time that a route allows for it.
    pub(super) async fn connect(&self, key: &PoolKey, waits: &Timeouts) -> Result<Io, Error> {
        let connecting = self.connector.connect(key.address, key.transport);
        let connected = tokio::time::timeout(waits.connect.duration(), connecting).await;
        connected
            .map_err(|_| Error::ConnectTimeout)?
            .map_err(Error::Connect)
    }

    /// Closes what has been idle for too long or leads to an endpoint that is gone.
    pub(crate) fn prune(&self, is_alive: impl Fn(&SocketAddr) -> bool) {
        let now = self.clock.now_millis();
        self.exclusives.prune(now, &is_alive);
        self.shared.prune(now, &is_alive);
    }
}

/// Whether what became idle at `since` may still be, at `now`; both in the clock's milliseconds.
pub(super) fn is_fresh(since: u64, now: u64, limit: Duration) -> bool {
    now < since.saturating_add(limit.as_millis() as u64)
}

impl Lease {
    /// Says that the response has been read to its end.
    pub(crate) fn give_back(self) {
        match self {
            Self::Exclusive(held) => held.give_back(),
            Self::Stream(stream) => drop(stream),
        }
    }
}

/// Waits for a response's head, as long as the route allows after the request's last progress.
///
/// The request comes back when it was not written.
pub(super) async fn in_time<F>(
    mut sending: Pin<&mut F>,
    timer: &Timer,
    terms: Terms<'_>,
    request: &mut Option<Request<RequestBody>>,
) -> Result<Response<Incoming>, Error>
where
    F: Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
{
    let mut frames = 0;
    timer.arm(terms.waits.read.duration());
    poll_fn(|cx| {
        if let Poll::Ready(sent) = sending.as_mut().poll(cx) {
            return Poll::Ready(sent.map_err(|mut failed| {
                *request = failed.take_message();
                Error::Upstream(failed.into_error())
            }));
        }
        if timer.poll_expired(cx).is_pending() {
            return Poll::Pending;
        }
        // While the body is moving, or its client is waited for, the upstream is not who is slow;
        // and once the body has ended, the upstream has its whole time.
        let waits_for_client = |p: &Progress| p.is_streaming() && p.awaits_client();
        let moves = |p: &&Progress| p.frames() != frames || waits_for_client(p);
        match terms.progress.filter(moves) {
            Some(progress) => {
                frames = progress.frames();
                timer.arm(match progress.is_streaming() {
                    true => terms.waits.send.duration(),
                    false => terms.waits.read.duration(),
                });
                let _ = timer.poll_expired(cx);
                Poll::Pending
            }
            None => Poll::Ready(Err(Error::UpstreamTimeout)),
        }
    })
    .await
}
