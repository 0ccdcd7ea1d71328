//! The backends behind the proxy: every listener is one service with a name of its own.
//!
//! Each port speaks HTTP/1.1, HTTP/2 with prior knowledge, WebSocket and gRPC, so that one
//! process can stand for a whole cluster. It must never be clever: what it answers is fixed by
//! the request's path and its options, so that a surprise is always the proxy's.

mod answer;
mod behaviour;
mod body;
mod connection;
mod echo;
mod grpc;
mod identity;
mod options;
mod prefixed;
mod service;
mod websocket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub use options::{Listen, Options, OptionsError};
use service::Service;

/// How long open requests may go on after a signal; endless streams are cut then.
const DRAIN: Duration = Duration::from_secs(2);

/// Why serving could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An option does not make sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// A port is taken, or not ours to take.
    #[error("cannot listen on {address}: {source}; choose another address, or port 0 for any")]
    Listen {
        /// The address as it was asked for.
        address: std::net::SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process may not handle signals.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// Serves until SIGINT or SIGTERM, and then stops within seconds.
pub async fn run(options: Options) -> Result<(), ServeError> {
    let mut stop = Stop::new().map_err(ServeError::Signals)?;
    let (stopping, open) = watch::channel(());
    let mut tasks = tokio::task::JoinSet::new();
    for (address, service) in options.services()? {
        let listener = bind(address).await?;
        announce(&listener, &service);
        tasks.spawn(accept(listener, Arc::new(service), open.clone()));
    }
    stop.asked().await;
    tasks.shutdown().await;
    drop(open);
    stopping.send_replace(());
    // Each connection holds a receiver. What is still open after the deadline is a stream without
    // an end: leaving cuts it.
    let _ = tokio::time::timeout(DRAIN, stopping.closed()).await;
    Ok(())
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    TcpListener::bind(address).await.map_err(failed)
}

/// One line per service: who starts this process with port 0 reads the addresses from here.
fn announce(listener: &TcpListener, service: &Service) {
    if let Ok(address) = listener.local_addr() {
        println!("listening {} {address}", service.name);
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>, stop: watch::Receiver<()>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                tokio::spawn(connection::serve(
                    stream,
                    peer,
                    Arc::clone(&service),
                    stop.clone(),
                ));
            }
            // Out of file descriptors: give connections a moment to end instead of spinning.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The two signals that end a service.
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
