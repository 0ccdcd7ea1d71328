//! HTTP/2 connections: many requests at a time, and another connection when one is nearly full.
//!
//! hyper queues what a peer does not allow yet without a bound, so streams are counted here.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portreeve_table::Timeouts;
use rustc_hash::FxHashMap;

use super::connect::Io;
use super::pool::{Answer, Failure, Lease, Pool, PoolKey, Terms, in_time, is_fresh};
use crate::error::Error;
use crate::timer::Clock;
use crate::upload::RequestBody;

/// How long a connection may be without a stream.
const IDLE: Duration = Duration::from_secs(60);
/// How many streams we open on one connection, however many the peer allows.
const MAX_STREAMS: usize = 100;
/// How often a request is offered to a connection: one may go away just as it is chosen.
const OFFERS: usize = 3;

/// The connections, by what they are good for.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<FxHashMap<PoolKey, Arc<Group>>>);

/// The connections to one endpoint.
#[derive(Debug, Default)]
struct Group {
    connections: Mutex<Vec<Multiplexed>>,
    /// Held while dialling, so that a burst of requests opens one connection and not one each.
    dialling: tokio::sync::Mutex<()>,
}

/// A connection.
#[derive(Clone, Debug)]
struct Multiplexed {
    sender: http2::SendRequest<RequestBody>,
    streams: Arc<Streams>,
}

/// How many streams a connection has and may have.
#[derive(Debug)]
struct Streams {
    open: AtomicUsize,
    limit: AtomicUsize,
    idle_since: AtomicU64,
    clock: Arc<Clock>,
}

/// One open stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<Streams>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            let now = self.0.clock.now_millis();
            self.0.idle_since.store(now, Ordering::Relaxed);
        }
    }
}

impl Streams {
    fn new(clock: &Arc<Clock>) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            limit: AtomicUsize::new(MAX_STREAMS),
            idle_since: AtomicU64::new(clock.now_millis()),
            clock: Arc::clone(clock),
        })
    }

    fn open(self: &Arc<Self>) -> OpenStream {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }

    fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn group(&self, key: &PoolKey) -> Arc<Group> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(groups.entry(*key).or_default())
    }

    pub(super) fn prune(&self, now: u64, is_alive: &impl Fn(&SocketAddr) -> bool) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|key, group| {
            group.lock().retain(|connection| {
                let idle_since = connection.streams.idle_since.load(Ordering::Relaxed);
                let keeps = is_alive(&key.address) && is_fresh(idle_since, now, IDLE);
                !connection.sender.is_closed() && (keeps || connection.streams.count() > 0)
            });
            Arc::strong_count(group) > 1 || !group.lock().is_empty()
        });
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, Vec<Multiplexed>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection with the fewest streams, unless even that one is nearly full.
    fn find(&self) -> Option<(Multiplexed, OpenStream)> {
        let mut connections = self.lock();
        connections.retain(|connection| !connection.sender.is_closed());
        let connection = connections.iter().min_by_key(|c| c.streams.count())?;
        let limit = connection.streams.limit.load(Ordering::Relaxed);
        let has_room = connection.streams.count() < (limit * 4 / 5).max(1).min(limit);
        has_room.then(|| (connection.clone(), connection.streams.open()))
    }
}

impl Pool {
    /// Sends over a connection that has room for a stream, else a new one.
    pub(super) async fn send_shared(
        self: &Arc<Self>,
        key: PoolKey,
        request: &mut Option<Request<RequestBody>>,
        terms: Terms<'_>,
    ) -> Result<Answer, Failure> {
        let timer = self.clock.timer();
        let mut offers = 0;
        loop {
            let (mut connection, stream) = self.share(&key, terms.waits).await?;
            let taken = request.take().ok_or(Error::NoEndpoint)?;
            let sending = pin!(connection.sender.try_send_request(taken));
            offers += 1;
            match in_time(sending, &timer, terms, request).await {
                Ok(response) => {
                    return Ok(Answer {
                        response,
                        lease: Lease::Stream(stream),
                        timer,
                    });
                }
                Err(_) if request.is_some() && offers < OFFERS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A connection with room for a stream, and the stream's place on it.
    async fn share(
        &self,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<(Multiplexed, OpenStream), Error> {
        let group = self.shared.group(key);
        if let Some(found) = group.find() {
            return Ok(found);
        }
        // Dialling is rare, and its future large: every request would carry it along. Waiting for
        // somebody else's dialling is part of connecting, or a queue would outlast every limit.
        let joining = Box::pin(self.join(&group, key, waits));
        let joined = tokio::time::timeout(waits.connect.duration(), joining).await;
        joined.unwrap_or(Err(Error::ConnectTimeout))
    }

    /// A place on a connection that somebody else has opened meanwhile, else on a new one.
    async fn join(
        &self,
        group: &Group,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<(Multiplexed, OpenStream), Error> {
        let _dialling = group.dialling.lock().await;
        if let Some(found) = group.find() {
            return Ok(found);
        }
        let connection = self.dial_shared(key, waits).await?;
        let stream = connection.streams.open();
        group.lock().push(connection.clone());
        Ok((connection, stream))
    }

    async fn dial_shared(&self, key: &PoolKey, waits: &Timeouts) -> Result<Multiplexed, Error> {
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
        let streams = Streams::new(&self.clock);
        tokio::spawn(drive(connection, Arc::clone(&streams)));
        Ok(Multiplexed { sender, streams })
    }
}

/// Drives a connection and notes how many streams the peer allows.
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
