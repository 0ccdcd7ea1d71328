//! One thread that serves: its runtime, its listeners, its pool.
//!
//! This is the only file that knows the thread model. A request is accepted, routed, forwarded and
//! answered on one thread; what workers share is read through their own copies.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::HeaderValue;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::accesslog::{AccessLog, Outcome};
use crate::activity::{Activity, Patience};
use crate::descriptors::Descriptors;
use crate::drain::Drain;
use crate::error::Reason;
use crate::listen::{self, Socket};
use crate::metrics::{Metrics, WorkerMetrics};
use crate::state::{Current, Local, Pinned};
use crate::timer::{Clock, TICK};
use crate::upstream::{Connector, Pool};
use crate::{choice, early};

/// Idle connections to endpoints are looked at every so many ticks.
const PRUNE_EVERY: u64 = 10;

/// How many clients may be told at once that there is no room for them; others are told nothing.
const REFUSING: usize = 64;

/// What one worker has.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its number, from 0.
    pub(crate) index: usize,
    /// Its connections to endpoints.
    pub(crate) pool: Arc<Pool>,
    /// Its coarse time.
    pub(crate) clock: Arc<Clock>,
    /// Where it logs requests, if it does.
    pub(crate) log: Option<Arc<AccessLog>>,
    /// How far stopping has come.
    pub(crate) drain: Arc<Drain>,
    /// How long clients may take.
    pub(crate) patience: Patience,
    /// How many client connections it may have.
    pub(crate) max_connections: usize,
    /// How many files the process may have open.
    pub(crate) descriptors: Descriptors,
    /// How many clients may be told at once that there is no room for them.
    pub(crate) refusing: Arc<Semaphore>,
    /// How many challenges may wait at once for somebody to answer them.
    pub(crate) early: Semaphore,
    metrics: Arc<Metrics>,
    idle_counters: WorkerCounters,
    local: Local,
    random: AtomicU64,
    started: Instant,
}

/// Stands in for a worker that the metrics do not know, which cannot be.
type WorkerCounters = Arc<WorkerMetrics>;

/// What all workers are made from.
pub(crate) struct Shared {
    pub(crate) current: Arc<Current>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Arc<Drain>,
    pub(crate) connector: Connector,
    pub(crate) descriptors: Descriptors,
    pub(crate) patience: Patience,
    pub(crate) max_connections: usize,
    /// The workers' common zero of time: latencies that one noted are read by others.
    pub(crate) started: Instant,
}

/// Counts a client connection as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Worker>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.counters().open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    pub(crate) fn new(index: usize, shared: &Shared, log: Option<Arc<AccessLog>>) -> Arc<Self> {
        let clock = Clock::new();
        Arc::new(Self {
            index,
            pool: Pool::new(Arc::clone(&clock), shared.connector.clone()),
            clock,
            log,
            drain: Arc::clone(&shared.drain),
            patience: shared.patience.clone(),
            max_connections: shared.max_connections,
            descriptors: shared.descriptors,
            refusing: Arc::new(Semaphore::new(REFUSING)),
            early: Semaphore::new(early::WAITING),
            metrics: Arc::clone(&shared.metrics),
            idle_counters: Arc::new(WorkerMetrics::new()),
            local: Local::new(Arc::clone(&shared.current)),
            random: AtomicU64::new(RandomState::new().hash_one(index)),
            started: shared.started,
        })
    }

    /// The running generation of the configuration.
    pub(crate) fn generation(&self) -> Arc<Pinned> {
        self.local.load()
    }

    /// This worker's counters.
    pub(crate) fn counters(&self) -> &WorkerMetrics {
        let counters = self.metrics.per_worker.get(self.index);
        counters.unwrap_or(&self.idle_counters)
    }

    /// A random number, good enough to spread load (SplitMix64).
    pub(crate) fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut x = self.random.fetch_add(STEP, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A new request id.
    pub(crate) fn request_id(&self) -> HeaderValue {
        let id = HeaderValue::try_from(choice::hex(self.random(), self.random()));
        id.unwrap_or(HeaderValue::from_static("0"))
    }

    /// Microseconds since the process began.
    pub(crate) fn now_micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// Counts one more client connection.
    pub(crate) fn open_connection(self: &Arc<Self>) -> OpenConnection {
        self.counters().open.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// A request of a client connection begins, or its tunnel.
    pub(crate) fn request_begins(&self, activity: &Activity) {
        if activity.request_begins() {
            self.counters().busy.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It ends.
    pub(crate) fn request_ends(&self, activity: &Activity) {
        if activity.request_ends() {
            self.counters().busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How many client connections there are.
    pub(crate) fn open_connections(&self) -> usize {
        self.counters().open.load(Ordering::Relaxed).max(0) as usize
    }

    /// Serves until stopping is over.
    async fn run(self: Arc<Self>, sockets: Vec<Socket>, tls: TlsAcceptor) -> io::Result<()> {
        let mut accepting = JoinSet::new();
        for socket in sockets {
            let listener = socket.into_tokio()?;
            accepting.spawn(listen::accept(Arc::clone(&self), listener, tls.clone()));
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            ticks.tick().await;
            self.tick(tick);
            while accepting.try_join_next().is_some() {
                if !self.drain.is_closing() {
                    return Err(io::Error::other("it no longer accepts connections"));
                }
            }
            // What a listener had accepted when it closed is still handed out by its task.
            let is_done =
                self.drain.is_closing() && accepting.is_empty() && self.open_connections() == 0;
            if is_done || self.drain.is_cutting() {
                break;
            }
        }
        Ok(())
    }

    fn tick(&self, number: u64) {
        self.clock.tick();
        if self.drain.is_closing() {
            self.clock.wake_all();
        }
        self.flush_log();
        if number.is_multiple_of(PRUNE_EVERY) {
            let generation = self.generation();
            self.pool.prune(|address| generation.has_endpoint(address));
        }
    }

    /// Counts and logs what never became a request.
    pub(crate) fn refuse(
        &self,
        client: SocketAddr,
        reason: Reason,
        status: u16,
        why: Option<&str>,
    ) {
        self.counters().refuse(reason);
        if let Some(log) = &self.log {
            let id = self.request_id();
            let outcome = Outcome::refused(client, id, status, reason.name(), why);
            self.counters().lose_lines(log.write(None, &outcome));
        }
    }

    fn flush_log(&self) {
        if let Some(log) = &self.log {
            self.counters().lose_lines(log.flush());
        }
    }
}

/// A worker's thread, which tells how it ended.
#[derive(Debug)]
pub(crate) struct Thread(oneshot::Receiver<io::Result<()>>);

impl Thread {
    /// Starts a worker.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub(crate) fn start(
        worker: Arc<Worker>,
        sockets: Vec<Socket>,
        tls: TlsAcceptor,
    ) -> io::Result<Self> {
        let name = format!("worker-{}", worker.index);
        let (tell, ended) = oneshot::channel();
        let run = move || {
            let ended = runtime()?.block_on(Arc::clone(&worker).run(sockets, tls));
            // What was cut is logged as well.
            worker.flush_log();
            ended
        };
        let thread = std::thread::Builder::new().name(name);
        thread.spawn(move || tell.send(run()))?;
        Ok(Self(ended))
    }

    /// Waits for it to end.
    ///
    /// # Errors
    /// With what ended it early.
    pub(crate) async fn ended(self) -> io::Result<()> {
        let ended = self.0.await;
        ended.unwrap_or_else(|_| Err(io::Error::other("it panicked")))
    }
}

/// A runtime that stays on the thread that enters it: a worker's, and the control thread's.
///
/// # Errors
/// When the kernel grants no epoll.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drain::Pace;
    use crate::listen::Plane;
    use crate::options::Options;
    use crate::tls;
    use clap::Parser;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    fn shared() -> Shared {
        let descriptors = Descriptors::of_process();
        let options = Options::parse_from(["portreeve-proxy", "--manifests", "."]);
        Shared {
            current: Arc::default(),
            metrics: Metrics::new(1),
            drain: Arc::default(),
            connector: Connector::new(descriptors, None).unwrap(),
            descriptors,
            patience: Patience::from(&options),
            max_connections: 100,
            started: Instant::now(),
        }
    }

    async fn connected(address: SocketAddr) -> TcpStream {
        let mut client = TcpStream::connect(address).await.unwrap();
        let ask = b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";
        client.write_all(ask).await.unwrap();
        client
    }

    #[tokio::test]
    async fn who_came_before_the_end_of_accepting_is_served() {
        let shared = shared();
        let tls = TlsAcceptor::from(tls::server(Arc::clone(&shared.current)).unwrap());
        let (address, sockets) = listen::bind(Plane::Http, ([127, 0, 0, 1], 0).into(), 1).unwrap();
        let mut clients = Vec::new();
        for _ in 0..16 {
            clients.push(connected(address).await);
        }
        let (drain, worker) = (Arc::clone(&shared.drain), Worker::new(0, &shared, None));
        let pace = Pace {
            delay: Duration::ZERO,
            timeout: Duration::from_secs(600),
        };
        tokio::spawn(async move { drain.run(pace).await });
        shared.drain.closing().await;
        let serving = tokio::spawn(worker.run(sockets, tls));
        for mut client in clients {
            let mut reply = String::new();
            client.read_to_string(&mut reply).await.unwrap();
            assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
            assert!(reply.contains("connection: close"), "{reply}");
        }
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
