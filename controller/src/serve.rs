//! Keeps proxies up to date: each has one session, which tells it what it has not got.
//!
//! A proxy is known by its certificate; whoever has none is refused before anything is said.
//! Every replica of the controller serves, whether it leads or not.

mod fleet;
mod peer;
mod refusal;
mod rejections;
mod session;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portreeve_identity::{Identity, Role};
use portreeve_table::PATH;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

pub use fleet::{Fleet, Rejection, Seen};
pub use refusal::Refusal;
pub(crate) use rejections::Reporter;

use crate::published::Latest;
use peer::Peer;

/// How many proxies may be connected at once.
const MAX_CONNECTIONS: usize = 1024;
/// How long a proxy may take to show its certificate.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent connection is asked whether it is still there, and how long it may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));
/// How long to wait when the kernel grants no connection.
const PAUSE: Duration = Duration::from_millis(100);

/// What sessions are made of.
#[derive(Clone)]
pub struct Server {
    /// What is told.
    pub latest: Latest,
    /// Who is told.
    pub fleet: Arc<Fleet>,
    /// What we are known by, and what proxies are; `None` before there is anything.
    pub identity: watch::Receiver<Option<Arc<Identity>>>,
    /// Whether what we know is fresh enough to begin with; sessions that stand are kept.
    pub is_fresh: watch::Receiver<bool>,
}

type Body = Either<Full<Bytes>, Channel<Bytes>>;

impl Server {
    /// Takes sessions for as long as the process lives.
    pub async fn run(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, address)) => {
                    let server = self.clone();
                    tokio::spawn(async move {
                        server.connection(stream, address).await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr) {
        // Deltas are small and wanted at once.
        let _ = stream.set_nodelay(true);
        // Asked for each handshake: certificates are replaced.
        let identity = self.identity.borrow().clone();
        let tls = identity.and_then(|identity| identity.server(Role::Proxy).ok());
        let Some(tls) = tls.map(TlsAcceptor::from) else {
            self.fleet.refuse(Refusal::Unprepared);
            return;
        };
        let stream = match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.fleet.refuse(Refusal::of(&error)),
            Err(_) => return self.fleet.refuse(Refusal::Handshake),
        };
        let service = service_fn(|request| {
            let response = self.answer(request, address);
            async move { Ok::<_, Infallible>(response) }
        });
        let _ = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .max_concurrent_streams(2)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn answer(&self, request: Request<Incoming>, address: SocketAddr) -> Response<Body> {
        if (request.method(), request.uri().path()) != (&Method::POST, PATH) {
            self.fleet.refuse(Refusal::Request);
            return text(StatusCode::NOT_FOUND, "here is POST /v1/config\n");
        }
        if !*self.is_fresh.borrow() {
            self.fleet.refuse(Refusal::Stale);
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the Kubernetes API has not been heard of for too long; try another controller\n",
            );
        }
        let (sender, body) = Channel::new(1);
        let peer = Peer::new(request.into_body(), sender);
        let (latest, member) = (self.latest.clone(), self.fleet.join(address));
        tokio::spawn(async move {
            let ended = session::run(peer, latest, &member).await;
            member.leave(&ended);
        });
        Response::new(Either::Right(body))
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = status;
    response
}
