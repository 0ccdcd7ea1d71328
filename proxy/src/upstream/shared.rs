//! HTTP/2 connections: many requests at a time, and another connection when one is nearly full.
//!
//! No request is sent before the peer has said how many it takes: what it did not allow it would
//! refuse.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portreeve_table::Timeouts;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::pool::{Answer, Failure, Lease, Pool, PoolKey, Terms, in_time, is_fresh};
use super::room::{Listening, OpenStream, Room, UNSAID};
use crate::error::Error;
use crate::stall::Stall;
use crate::upload::RequestBody;
use crate::window::Window;

/// How long a connection may be without a stream.
const IDLE: Duration = Duration::from_secs(60);
/// How much of all responses of a connection an endpoint may send before we have read it, in bytes:
/// enough that the streams of clients that read nothing leave some for the others.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// How many connections one endpoint may have that it allows no more streams on: it may want to be
/// rid of one that way, and have another.
const MAX_BARRED: usize = 4;
/// How often a request is offered to a connection: one may go away just as it is chosen.
const OFFERS: usize = 3;

/// The connections, by what they are good for.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<FxHashMap<(PoolKey, Window), Arc<Group>>>);

/// The connections to one endpoint whose streams have the same window.
#[derive(Debug)]
struct Group {
    window: Window,
    connections: Mutex<Vec<Multiplexed>>,
    /// Held while dialling, so that a burst of requests opens one connection and not one each.
    dialling: tokio::sync::Mutex<()>,
    /// Told when there may be room.
    freed: Arc<Notify>,
}

/// A connection.
#[derive(Clone, Debug)]
struct Multiplexed {
    sender: http2::SendRequest<RequestBody>,
    room: Arc<Room>,
}

impl Shared {
    fn group(&self, key: &PoolKey, window: Window) -> Arc<Group> {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry((*key, window));
        Arc::clone(group.or_insert_with(|| Arc::new(Group::of(window))))
    }

    pub(super) fn prune(&self, now: u64, is_alive: &impl Fn(&SocketAddr) -> bool) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|(key, _), group| {
            group.lock().retain(|connection| {
                let idle_since = connection.room.idle_since();
                let keeps = is_alive(&key.address) && is_fresh(idle_since, now, IDLE);
                !connection.sender.is_closed() && (keeps || connection.room.count() > 0)
            });
            Arc::strong_count(group) > 1 || !group.lock().is_empty()
        });
    }
}

impl Group {
    fn of(window: Window) -> Self {
        Self {
            window,
            connections: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
            freed: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Multiplexed>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection with the fewest streams, unless there is no room on any.
    fn find(&self) -> Option<(Multiplexed, OpenStream)> {
        let mut connections = self.lock();
        connections.retain(|connection| !connection.sender.is_closed());
        let free = connections.iter().filter(|c| c.room.is_free());
        let connection = free.min_by_key(|c| c.room.count())?;
        Some((connection.clone(), connection.room.open()))
    }

    /// Whether another connection may be of use: not where one never allowed anything.
    fn may_grow(&self) -> bool {
        let connections = self.lock();
        let barred = || connections.iter().filter(|c| c.room.is_barred());
        barred().all(|c| c.room.has_allowed()) && barred().count() < MAX_BARRED
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
        // A client of HTTP/1 has one response at a time.
        let window = Stall::current().map_or(Window::Wide, |client| client.share().window());
        let group = self.shared.group(&key, window);
        let timer = self.clock.timer();
        let mut offers = 0;
        loop {
            let (mut connection, stream) = self.share(&group, &key, terms.waits).await?;
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
                Err(error) => {
                    return Err(Failure {
                        was_refused: is_refused(&error),
                        ..error.into()
                    });
                }
            }
        }
    }

    /// A connection with room for a stream, and the stream's place on it.
    async fn share(
        &self,
        group: &Group,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<(Multiplexed, OpenStream), Error> {
        if let Some(found) = group.find() {
            return Ok(found);
        }
        // Dialling is rare, and its future large: every request would carry it along. Waiting for
        // somebody else's dialling is part of connecting, or a queue would outlast every limit.
        let joining = Box::pin(self.join(group, key, waits));
        let joined = tokio::time::timeout(waits.connect.duration(), joining).await;
        joined.unwrap_or(Err(Error::ConnectTimeout))
    }

    /// A place on a connection that somebody else has opened meanwhile, else on a new one, else
    /// on the first that has one.
    async fn join(
        &self,
        group: &Group,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<(Multiplexed, OpenStream), Error> {
        let _dialling = group.dialling.lock().await;
        let mut may_dial = true;
        loop {
            if let Some(found) = group.find() {
                return Ok(found);
            }
            if may_dial && group.may_grow() {
                let new = self.dial_shared(group, key, waits).await?;
                group.lock().push(new.clone());
                if new.room.is_free() {
                    let stream = new.room.open();
                    return Ok((new, stream));
                }
                may_dial = false;
            } else {
                group.freed.notified().await;
            }
        }
    }

    async fn dial_shared(
        &self,
        group: &Group,
        key: &PoolKey,
        waits: &Timeouts,
    ) -> Result<Multiplexed, Error> {
        let room = Room::new(&self.clock, &group.freed);
        let io = Listening::new(self.connect(key, waits).await?, &room);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_max_send_streams(UNSAID)
            .initial_stream_window_size(group.window.bytes() as u32)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(64 * 1024)
            .max_header_list_size(64 * 1024)
            // Resets that we send for our clients' sake must not end everybody's connection.
            .max_local_error_reset_streams(None)
            .max_concurrent_reset_streams(1024)
            .handshake(TokioIo::new(io))
            .await
            .map_err(Error::Upstream)?;
        let mut connection = Box::pin(connection);
        if !room
            .greet(connection.as_mut())
            .await
            .map_err(Error::Upstream)?
        {
            let silent = "the endpoint closed the connection before it spoke HTTP/2";
            let silent = io::Error::new(io::ErrorKind::UnexpectedEof, silent);
            return Err(Error::Connect(silent));
        }
        let driven = Arc::clone(&room);
        tokio::spawn(async move { driven.drive(connection).await });
        Ok(Multiplexed { sender, room })
    }
}

/// Whether the endpoint says that it did nothing with a request (RFC 9113, section 8.7): it
/// refused the stream, or was going away and says that it came to others only.
fn is_refused(error: &Error) -> bool {
    let Error::Upstream(error) = error else {
        return false;
    };
    let error = error.source().and_then(|e| e.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        let is_refusal = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
        error.is_remote() && (is_refusal || error.is_go_away())
    })
}
