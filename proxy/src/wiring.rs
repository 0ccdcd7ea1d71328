//! The whole process, put together from top to bottom.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portreeve_process::say;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;

use crate::accesslog::Writer;
use crate::acme::{Acme, AcmeError, Listening};
use crate::activity::Patience;
use crate::admin;
use crate::descriptors::Descriptors;
use crate::drain::{Drain, Pace};
use crate::listen::{self, ListenError, Plane, Socket};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::parts::{Ended, Parts};
use crate::source::{Resolver, Sink, Source, SourceError};
use crate::state::Current;
use crate::tls::{self, TlsError};
use crate::upstream::Connector;
use crate::worker::{self, Shared, Thread, Worker};

/// How long workers may take to drop what they still have.
const CUTTING: Duration = Duration::from_secs(1);

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// A listener cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The configuration cannot be read at all.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No certificates can be ordered.
    #[error(transparent)]
    Acme(#[from] AcmeError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The kernel grants no thread, no epoll or no signal.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
    /// A part ended that nobody told to.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl From<TlsError> for Fatal {
    fn from(error: TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

/// Runs the proxy until it is told to stop and has stopped.
///
/// # Errors
/// When it cannot begin, with what to do about it, or a part of it has ended.
pub fn run(options: Options) -> Result<(), Fatal> {
    let control = worker::runtime()?;
    let count = options
        .workers
        .map_or_else(available_cores, |workers| workers.get());
    let current = Arc::new(Current::default());
    let metrics = Metrics::new(count);
    let drain = Arc::new(Drain::default());

    let stop = control.block_on(async { Stop::new() })?;
    let acme = Acme::open(&options)?;
    let source = Source::open(&options, acme.as_ref())?;
    let resolver = Resolver::new(options.dns);
    let admin = admin::bind(options.admin)?;
    // Whoever wrote a directory's manifests may read what is said there anyway.
    let own = admin.as_ref().filter(|_| options.manifests.is_none());
    let own = own.and_then(|listener| listener.local_addr().ok());
    let (sockets, listening) = bind_all(&options, count)?;
    let tls = TlsAcceptor::from(tls::server(Arc::clone(&current))?);
    let log = Writer::start(options.access_log, std::io::stdout())?;

    let descriptors = Descriptors::of_process();
    let max_connections = options
        .max_connections
        .map_or(descriptors.for_clients(), |max| max.get());
    let shared = Shared {
        current: Arc::clone(&current),
        metrics: Arc::clone(&metrics),
        drain: Arc::clone(&drain),
        connector: Connector::new(descriptors, own).map_err(TlsError::from)?,
        descriptors,
        patience: Patience::from(&options),
        max_connections: max_connections.div_ceil(count),
        started: std::time::Instant::now(),
    };
    let workers = sockets.into_iter().enumerate().map(|(index, sockets)| {
        let worker = Worker::new(index, &shared, log.log());
        Thread::start(worker, sockets, tls.clone())
    });
    let workers = workers.collect::<Result<Vec<_>, _>>()?;

    let sink = Sink::new(Arc::clone(&current), Arc::clone(&metrics));
    let cache = source.cache();
    let pace = Pace {
        delay: options.drain_delay,
        timeout: options.drain_timeout,
    };
    let (failed, ended) = control.block_on(async {
        let (mut serving, mut endless) = (Parts::default(), Parts::default());
        for (index, worker) in workers.into_iter().enumerate() {
            serving.start(format!("worker {index}"), worker.ended());
        }
        if let Some(listener) = admin {
            let state = admin::State::new(
                Arc::clone(&current),
                Arc::clone(&metrics),
                Arc::clone(&drain),
            );
            endless.start_endless("the admin listener", admin::serve(listener, state));
        }
        if let Some(acme) = acme {
            let metrics = Arc::clone(&metrics);
            endless.start_endless("what orders certificates", acme.run(listening, metrics));
        }
        endless.start_endless("the resolver", resolver.follow(Arc::clone(&sink)));
        endless.start_endless("the source", source.run(Arc::clone(&sink)));
        let stopped = until_stopped(serving, endless, stop, &drain, pace).await;
        cache.finish(&sink).await;
        stopped
    });
    // Nobody waits for a name that is still being looked up.
    control.shutdown_background();
    if ended.is_some() {
        log.finish();
    }
    match failed {
        Some(failed) => Err(failed.into()),
        None => Ok(ended.unwrap_or(Ok(()))?),
    }
}

/// Lets the parts run until the process is told to stop or one of them has ended, and stops.
///
/// Returns the one that ended, and how the workers did, if they did so in time.
async fn until_stopped(
    mut serving: Parts,
    mut endless: Parts,
    stop: Stop,
    drain: &Drain,
    pace: Pace,
) -> (Option<Ended>, Option<Result<(), Ended>>) {
    let failed = tokio::select! {
        ended = serving.next_ended() => Some(ended),
        ended = endless.next_ended() => Some(ended),
        () = stop.wait() => None,
    };
    // Who would start the process again should not have to wait for it.
    let pace = if failed.is_some() {
        Pace::AT_ONCE
    } else {
        pace
    };
    let second = stop_again();
    let ended = tokio::select! {
        () = drain.run(pace) => {
            // Cutting takes them a moment.
            tokio::time::timeout(CUTTING, serving.all_ended()).await.ok()
        }
        ended = serving.all_ended() => Some(ended),
        () = second => None,
    };
    (failed, ended)
}

/// A second signal means now.
async fn stop_again() {
    match Stop::new() {
        Ok(stop) => stop.wait().await,
        Err(_) => std::future::pending().await,
    }
}

/// The signals that ask the process to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Binds every listener for every worker, and says where.
fn bind_all(options: &Options, count: usize) -> Result<(Vec<Vec<Socket>>, Listening), ListenError> {
    let mut listening = Listening::default();
    let mut by_worker: Vec<Vec<Socket>> = (0..count).map(|_| Vec::new()).collect();
    for (plane, wanted) in [(Plane::Http, &options.http), (Plane::Https, &options.https)] {
        for address in wanted.iter().flat_map(|listen| listen.addresses()) {
            let (bound, sockets) = listen::bind(plane, address, count)?;
            say_listening(plane.flag(), bound);
            listening.add(plane, bound);
            for (worker, socket) in by_worker.iter_mut().zip(sockets) {
                worker.push(socket);
            }
        }
    }
    Ok((by_worker, listening))
}

/// People and tests read this line to learn which port was taken.
pub(crate) fn say_listening(what: &str, address: SocketAddr) {
    say(format_args!("portreeve-proxy: listening {what} {address}"));
}
