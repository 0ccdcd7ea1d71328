//! This worker's connections to endpoints: idle HTTP/1 ones to be taken, HTTP/2 ones to be shared.
//!
//! This is the only place that speaks to an upstream. A request that was never written comes back
//! to its sender, so that it can go elsewhere; one that was written never goes twice from here.

use std::collections::hash_map::Entry;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portreeve_table::Timeouts;
use rustc_hash::FxHashMap;
use tokio::task::AbortHandle;

use super::connect::{Connector, Io, Transport};
use super::stream::{Budget, Stream};
use crate::error::Error;
use crate::timer::{Clock, Timer};
use crate::upload::{Progress, RequestBody};

/// How long an HTTP/1 connection may be idle: shorter than common servers keep theirs, so that a
/// request is rarely written into a connection that is being closed.
const IDLE_H1: Duration = Duration::from_secs(4);
/// How long an HTTP/2 connection may be without a stream.
const IDLE_H2: Duration = Duration::from_secs(60);
/// How many idle connections are kept for one endpoint.
const MAX_IDLE: usize = 256;
/// How many streams we open on one connection, however many the peer allows.
const MAX_STREAMS: usize = 100;

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
    clock: Arc<Clock>,
    connector: Connector,
    idle: Mutex<FxHashMap<PoolKey, Vec<Idle>>>,
    shared: Mutex<FxHashMap<PoolKey, Arc<Group>>>,
}

/// An HTTP/1 connection that nobody uses.
#[derive(Debug)]
struct Idle {
    connection: Exclusive,
    since: u64,
}

/// An HTTP/1 connection.
#[derive(Debug)]
struct Exclusive {
    sender: http1::SendRequest<RequestBody>,
    timer: Arc<Timer>,
    budget: Budget,
    /// Its task, which must not outlive it: an upload that nobody waits for would keep it.
    driver: AbortHandle,
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The HTTP/2 connections to one endpoint.
#[derive(Debug, Default)]
struct Group {
    connections: Mutex<Vec<Multiplexed>>,
    /// Held while dialling, so that a burst of requests opens one connection and not one each.
    dialling: tokio::sync::Mutex<()>,
}

/// An HTTP/2 connection.
#[derive(Clone, Debug)]
struct Multiplexed {
    sender: http2::SendRequest<RequestBody>,
    streams: Arc<Streams>,
}

/// How many streams an HTTP/2 connection has and may have.
#[derive(Debug)]
struct Streams {
    open: AtomicUsize,
    limit: AtomicUsize,
    idle_since: AtomicUsize,
    clock: Arc<Clock>,
}

/// One open stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<Streams>);

/// A connection, or a part of one, that a request is using.
#[derive(Debug)]
pub(crate) enum Lease {
    /// The whole of an HTTP/1 connection.
    Exclusive(Box<ExclusiveLease>),
    /// A stream of an HTTP/2 connection.
    Stream(OpenStream),
}

/// A whole connection, and where it goes afterwards.
#[derive(Debug)]
pub(crate) struct ExclusiveLease {
    pool: Arc<Pool>,
    key: PoolKey,
    connection: Exclusive,
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
    /// The request, when not a byte of it was written.
    pub(crate) unsent: Option<Request<RequestBody>>,
    /// Whether the connection had served others before, and so may have been closing.
    pub(crate) was_reused: bool,
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
            connector,
            idle: Mutex::default(),
            shared: Mutex::default(),
        })
    }

    /// Sends a request and waits for the head of its response.
    ///
    /// # Errors
    /// With the request itself when it was never written.
    pub(crate) async fn send(
        self: &Arc<Self>,
        key: PoolKey,
        request: Request<RequestBody>,
        waits: &Timeouts,
        progress: Option<&Progress>,
        reuse: Reuse,
    ) -> Result<Answer, Box<Failure>> {
        if key.transport.is_multiplexed() {
            self.send_shared(key, request, waits, progress).await
        } else {
            self.send_exclusive(key, request, waits, progress, reuse)
                .await
        }
    }

    async fn send_exclusive(
        self: &Arc<Self>,
        key: PoolKey,
        mut request: Request<RequestBody>,
        waits: &Timeouts,
        progress: Option<&Progress>,
        reuse: Reuse,
    ) -> Result<Answer, Box<Failure>> {
        loop {
            let idle = match reuse {
                Reuse::Allowed => self.take_idle(&key),
                Reuse::Never => None,
            };
            let was_reused = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                None => match self.dial_exclusive(&key, waits).await {
                    Ok(connection) => connection,
                    Err(error) => return Err(Failure::unsent(error, request)),
                },
            };
            connection.budget.begin();
            let sending = connection.sender.try_send_request(request);
            match in_time(sending, &connection.timer, waits, progress).await {
                Ok(response) => {
                    connection.budget.end();
                    let timer = Arc::clone(&connection.timer);
                    let pool = Arc::clone(self);
                    let lease = Lease::Exclusive(Box::new(ExclusiveLease {
                        pool,
                        key,
                        connection,
                    }));
                    return Ok(Answer {
                        response,
                        lease,
                        timer,
                    });
                }
                Err(failure) if was_reused && failure.unsent.is_some() => {
                    request = failure.unsent.unwrap_or_default();
                }
                Err(mut failure) => {
                    failure.was_reused = was_reused;
                    return Err(failure);
                }
            }
        }
    }

    async fn send_shared(
        self: &Arc<Self>,
        key: PoolKey,
        mut request: Request<RequestBody>,
        waits: &Timeouts,
        progress: Option<&Progress>,
    ) -> Result<Answer, Box<Failure>> {
        let timer = self.clock.timer();
        // A connection may go away between being chosen and being written to.
        for attempt in 0..3 {
            let (mut connection, stream) = match self.share(&key, waits).await {
                Ok(shared) => shared,
                Err(error) => return Err(Failure::unsent(error, request)),
            };
            let sending = connection.sender.try_send_request(request);
            match in_time(sending, &timer, waits, progress).await {
                Ok(response) => {
                    return Ok(Answer {
                        response,
                        lease: Lease::Stream(stream),
                        timer,
                    });
                }
                Err(failure) if attempt < 2 && failure.unsent.is_some() => {
                    request = failure.unsent.unwrap_or_default();
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::unsent(Error::NoEndpoint, request))
    }

    /// The idle connection that was used last: the others may grow old and be closed.
    fn take_idle(&self, key: &PoolKey) -> Option<Exclusive> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(key)?;
        let last = connections
            .iter()
            .rposition(|idle| idle.connection.sender.is_ready())?;
        Some(connections.swap_remove(last).connection)
    }

    async fn dial_exclusive(&self, key: &PoolKey, waits: &Timeouts) -> Result<Exclusive, Error> {
        let budget = Budget::new();
        let io = Stream::new(self.connect(key, waits).await?, budget.clone());
        let (sender, connection) = http1::Builder::new()
            .max_headers(256)
            .max_header_size(64 * 1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(Error::Upstream)?;
        let driver = tokio::spawn(async move {
            // How a connection ends is told to whoever is using it; an idle one has nobody to tell.
            let _ = connection.with_upgrades().await;
        });
        Ok(Exclusive {
            sender,
            timer: self.clock.timer(),
            budget,
            driver: driver.abort_handle(),
        })
    }

    /// A connection with room for a stream, and the stream's place on it.
    async fn share(
        &self,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<(Multiplexed, OpenStream), Error> {
        let group = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(*key).or_default())
        };
        if let Some(found) = group.find() {
            return Ok(found);
        }
        let _dialling = group.dialling.lock().await;
        if let Some(found) = group.find() {
            return Ok(found);
        }
        let connection = self.dial_multiplexed(key, waits).await?;
        let stream = connection.streams.open();
        group.lock().push(connection.clone());
        Ok((connection, stream))
    }

    async fn dial_multiplexed(
        &self,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<Multiplexed, Error> {
        let io = self.connect(key, waits).await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .max_send_buf_size(64 * 1024)
            .max_header_list_size(64 * 1024)
            // Resets that we send for our clients' sake must not end everybody's connection.
            .max_local_error_reset_streams(None)
            .max_concurrent_reset_streams(1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(Error::Upstream)?;
        let streams = Arc::new(Streams {
            open: AtomicUsize::new(0),
            limit: AtomicUsize::new(MAX_STREAMS),
            idle_since: AtomicUsize::new(usize::MAX),
            clock: Arc::clone(&self.clock),
        });
        tokio::spawn(drive(connection, Arc::clone(&streams)));
        Ok(Multiplexed { sender, streams })
    }

    async fn connect(&self, key: &PoolKey, waits: &Timeouts) -> Result<Io, Error> {
        let connecting = self.connector.connect(key.address, key.transport);
        let connected = tokio::time::timeout(waits.connect.duration(), connecting).await;
        connected
            .map_err(|_| Error::ConnectTimeout)?
            .map_err(Error::Connect)
    }

    /// Closes what has been idle for too long or leads to an endpoint that is gone.
    pub(crate) fn prune(&self, is_alive: impl Fn(&SocketAddr) -> bool) {
        let now = self.clock.now_millis();
        let is_fresh =
            |since: u64, limit: Duration| now < since.saturating_add(limit.as_millis() as u64);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|key, connections| {
            connections.retain(|idle| is_fresh(idle.since, IDLE_H1) && is_alive(&key.address));
            !connections.is_empty()
        });
        drop(idle);
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|key, group| {
            group.lock().retain(|connection| {
                let idle_since = connection.streams.idle_since.load(Ordering::Relaxed);
                let is_idle = connection.streams.open.load(Ordering::Relaxed) == 0;
                let keep = is_alive(&key.address) && is_fresh(idle_since as u64, IDLE_H2);
                !connection.sender.is_closed() && (keep || !is_idle)
            });
            Arc::strong_count(group) > 1 || !group.lock().is_empty()
        });
    }
}

impl Group {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Multiplexed>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection with the fewest streams, unless even that one is nearly full.
    fn find(&self) -> Option<(Multiplexed, OpenStream)> {
        let mut connections = self.lock();
        connections.retain(|connection| !connection.sender.is_closed());
        let load = |c: &&Multiplexed| c.streams.open.load(Ordering::Relaxed);
        let connection = connections.iter().min_by_key(load)?;
        let limit = connection.streams.limit.load(Ordering::Relaxed);
        let has_room = load(&connection) < (limit * 4 / 5).max(1).min(limit);
        has_room.then(|| (connection.clone(), connection.streams.open()))
    }
}

impl Streams {
    fn open(self: &Arc<Self>) -> OpenStream {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            let now = self.0.clock.now_millis() as usize;
            self.0.idle_since.store(now, Ordering::Relaxed);
        }
    }
}

/// Drives an HTTP/2 connection and notes how many streams the peer allows.
async fn drive(
    connection: http2::Connection<TokioIo<Io>, RequestBody, TokioExecutor>,
    streams: Arc<Streams>,
) {
    let mut connection = pin!(connection);
    let _ = poll_fn(|cx| {
        let polled = connection.as_mut().poll(cx);
        let limit = connection.current_max_send_streams().min(MAX_STREAMS);
        streams.limit.store(limit, Ordering::Relaxed);
        polled
    })
    .await;
}

impl Lease {
    /// Says that the response has been read to its end.
    pub(crate) fn give_back(self) {
        let lease = match self {
            Self::Exclusive(lease) => lease,
            Self::Stream(stream) => return drop(stream),
        };
        let ExclusiveLease {
            pool,
            key,
            connection,
        } = *lease;
        if connection.sender.is_closed() {
            return;
        }
        let since = pool.clock.now_millis();
        let mut idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = match idle.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Vec::new()),
        };
        if connections.len() < MAX_IDLE {
            connections.push(Idle { connection, since });
        }
    }
}

impl Failure {
    fn unsent(error: Error, request: Request<RequestBody>) -> Box<Self> {
        Box::new(Self {
            error,
            unsent: Some(request),
            was_reused: false,
        })
    }

    /// Of a request that was written, whole or in part.
    pub(crate) fn sent(error: Error) -> Box<Self> {
        Box::new(Self {
            error,
            unsent: None,
            was_reused: false,
        })
    }
}

/// Waits for a response's head, as long as the route allows after the request's last progress.
async fn in_time(
    sending: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>>,
    timer: &Timer,
    waits: &Timeouts,
    progress: Option<&Progress>,
) -> Result<Response<Incoming>, Box<Failure>> {
    let mut sending = pin!(sending);
    let mut frames = 0;
    timer.arm(waits.read.duration());
    poll_fn(|cx| {
        if let Poll::Ready(sent) = Pin::as_mut(&mut sending).poll(cx) {
            return Poll::Ready(sent.map_err(|mut failed| {
                let unsent = failed.take_message();
                let error = Error::Upstream(failed.into_error());
                match unsent {
                    Some(request) => Failure::unsent(error, request),
                    None => Failure::sent(error),
                }
            }));
        }
        if timer.poll_expired(cx).is_pending() {
            return Poll::Pending;
        }
        // While the body is moving, or its client is waited for, the upstream is not who is slow.
        let moves = |p: &&Progress| p.frames() != frames || p.awaits_client();
        match progress.filter(|p| p.is_streaming()).filter(moves) {
            Some(progress) => {
                frames = progress.frames();
                timer.arm(waits.send.duration());
                let _ = timer.poll_expired(cx);
                Poll::Pending
            }
            None => Poll::Ready(Err(Failure::sent(Error::UpstreamTimeout))),
        }
    })
    .await
}
