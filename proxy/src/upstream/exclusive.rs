//! HTTP/1 connections: one request at a time, and kept for the next.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use portreeve_table::Timeouts;
use rustc_hash::FxHashMap;
use tokio::task::AbortHandle;

use super::pool::{Answer, Failure, Lease, Pool, PoolKey, Reuse, Terms, in_time, is_fresh};
use super::stream::{Budget, Stream};
use crate::error::Error;
use crate::stall::Stall;
use crate::timer::Timer;
use crate::upload::RequestBody;

/// How long a connection may be idle: shorter than common servers keep theirs, so that a request
/// is rarely written into a connection that is being closed.
const IDLE: Duration = Duration::from_secs(4);
/// How many idle connections are kept for one endpoint.
const MAX_IDLE: usize = 256;

/// The connections that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Exclusives(Mutex<FxHashMap<PoolKey, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    connection: Exclusive,
    since: u64,
}

/// A connection.
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

/// A connection that a request is using, and where it goes afterwards.
#[derive(Debug)]
pub(crate) struct Held {
    pool: Arc<Pool>,
    key: PoolKey,
    connection: Exclusive,
}

impl Held {
    pub(super) fn give_back(self) {
        if !self.connection.sender.is_closed() {
            self.connection.budget.end();
            let since = self.pool.clock.now_millis();
            self.pool.exclusives.put(self.key, self.connection, since);
        }
    }
}

impl Exclusives {
    /// The idle connection that was used last: the others may grow old and be closed.
    fn take(&self, key: &PoolKey) -> Option<Exclusive> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(key)?;
        let last = connections
            .iter()
            .rposition(|idle| idle.connection.sender.is_ready())?;
        Some(connections.swap_remove(last).connection)
    }

    fn put(&self, key: PoolKey, connection: Exclusive, since: u64) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.entry(key).or_default();
        if connections.len() < MAX_IDLE {
            connections.push(Idle { connection, since });
        }
    }

    pub(super) fn prune(&self, now: u64, is_alive: &impl Fn(&SocketAddr) -> bool) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|key, connections| {
            connections.retain(|idle| is_fresh(idle.since, now, IDLE) && is_alive(&key.address));
            !connections.is_empty()
        });
    }
}

impl Pool {
    /// Sends over an idle connection, else a new one.
    pub(super) async fn send_exclusive(
        self: &Arc<Self>,
        key: PoolKey,
        request: &mut Option<Request<RequestBody>>,
        terms: Terms<'_>,
    ) -> Result<Answer, Failure> {
        loop {
            let idle = match terms.reuse {
                Reuse::Allowed => self.exclusives.take(&key),
                Reuse::Never => None,
            };
            let was_reused = idle.is_some();
            let mut connection = match idle {
                Some(connection) => connection,
                // Dialling is rare, and its future large: every request would carry it along.
                None => Box::pin(self.dial_exclusive(&key, terms.waits)).await?,
            };
            connection.budget.begin(Stall::current());
            let taken = request.take().ok_or(Error::NoEndpoint)?;
            let sending = pin!(connection.sender.try_send_request(taken));
            match in_time(sending, &connection.timer, terms, request).await {
                Ok(response) => {
                    connection.budget.has_head();
                    let timer = Arc::clone(&connection.timer);
                    let pool = Arc::clone(self);
                    return Ok(Answer {
                        response,
                        lease: Lease::Exclusive(Box::new(Held {
                            pool,
                            key,
                            connection,
                        })),
                        timer,
                    });
                }
                Err(_) if was_reused && request.is_some() => {}
                Err(error) => {
                    return Err(Failure {
                        was_reused,
                        ..error.into()
                    });
                }
            }
        }
    }

    async fn dial_exclusive(&self, key: &PoolKey, waits: &Timeouts) -> Result<Exclusive, Error> {
        let budget = Budget::default();
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
}
