//! The listener for the API server: connections, of which there may be so many, and TLS on each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portreeve_process::say;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use crate::handler::Handler;
use crate::places::{Busy, CONNECTIONS, Places};
use crate::refusal::Refusal;
use crate::tls::Reload;

/// How many reviews may be under way: one on each connection.
const REVIEWS: u32 = CONNECTIONS as u32;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection may wait for the head of its next request: longer than the API server
/// keeps one, so that it is never asked on one that is just being closed.
const IDLE: Duration = Duration::from_secs(120);
/// How long a review may take, with its reading: less than the API server waits.
const REVIEW: Duration = Duration::from_secs(4);
/// How much of a connection is read ahead, in bytes.
const AHEAD: usize = 16 << 10;
/// How long the API server may take to learn that a Pod is no longer to be asked.
const LEAVE: Duration = Duration::from_secs(5);
/// How often it is looked whether the certificate is another.
const LOOK: Duration = Duration::from_secs(1);

/// The listener for the API server.
pub(crate) struct Server {
    pub(crate) handler: Arc<Handler>,
    /// The TLS configuration now; `None` until there is a certificate.
    pub(crate) tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    /// Whether a client certificate is asked for.
    pub(crate) asks_certificate: bool,
    /// Whether the process is about to end.
    pub(crate) leaving: watch::Receiver<bool>,
    /// Who may be under way.
    pub(crate) reviews: Arc<Semaphore>,
}

/// Room for all reviews that may be under way.
pub(crate) fn reviews() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(REVIEWS as usize))
}

/// Lets the API server go elsewhere, and waits for what it has asked here: a review that is cut off
/// lets the object pass.
pub(crate) async fn leave(leaving: &watch::Sender<bool>, reviews: &Semaphore) {
    leaving.send_replace(true);
    sleep(LEAVE).await;
    let _ = timeout(REVIEW, reviews.acquire_many(REVIEWS)).await;
}

/// Follows the files of the certificate for as long as the process lives.
pub(crate) async fn follow(mut reload: Reload, tls: watch::Sender<Option<Arc<ServerConfig>>>) {
    let mut said = String::new();
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        let now = match reload.refresh() {
            Ok(true) => {
                tls.send_replace(reload.config());
                String::new()
            }
            Ok(false) => String::new(),
            Err(error) => format!("portreeve-admission: {error}; it is looked at again"),
        };
        if now != said && !now.is_empty() {
            say(&now);
        }
        said = now;
    }
}

impl Server {
    /// Answers until the process ends.
    pub(crate) async fn run(self, listener: TcpListener) {
        let server = Arc::new(self);
        let limit = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&server.reviews));
        let mut places = Places::default();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            // An answer must not wait until what TLS said before it is acknowledged.
            let _ = stream.set_nodelay(true);
            if !places.make_room() {
                server.handler.counts().refused(Refusal::Busy);
                continue;
            }
            let (server, limit, busy) = (Arc::clone(&server), limit.clone(), Busy::default());
            let asked = busy.clone();
            let task = tokio::spawn(async move { server.connection(stream, limit, asked).await });
            places.take(busy, task.abort_handle());
        }
    }

    async fn connection(&self, stream: TcpStream, limit: GlobalConcurrencyLimitLayer, busy: Busy) {
        // Without a certificate there is nothing to say, and nobody who would believe it.
        let Some(config) = self.tls.borrow().clone() else {
            return;
        };
        let handshake = TlsAcceptor::from(config).accept(stream);
        let Ok(Ok(stream)) = timeout(HANDSHAKE, handshake).await else {
            self.handler.counts().refused(Refusal::Handshake);
            return;
        };
        let is_known = stream.get_ref().1.peer_certificates().is_some();
        let is_nobody = self.asks_certificate && !is_known;
        let answer = |request: Request<Incoming>| {
            let handler = Arc::clone(&self.handler);
            async move {
                Ok::<_, Infallible>(match is_nobody {
                    true => handler.refuse(Refusal::NoCertificate),
                    false => handler.answer(request).await,
                })
            }
        };
        let bounded = ServiceBuilder::new()
            .layer(limit)
            .timeout(REVIEW)
            .service(tower::service_fn(answer));
        let service = service_fn(|mut request: Request<Incoming>| {
            // Who has not sent all of a review yet makes room for others like who sends nothing.
            request.extensions_mut().insert(busy.clone());
            let (bounded, busy) = (bounded.clone(), busy.clone());
            async move {
                let answered: Result<_, BoxError> = bounded.oneshot(request).await;
                busy.set(false);
                let mut answered = answered.unwrap_or_else(|_| self.handler.refuse(Refusal::Busy));
                if *self.leaving.borrow() {
                    let close = HeaderValue::from_static("close");
                    answered.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(answered)
            }
        });
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(AHEAD)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

#[cfg(test)]
mod tests;
