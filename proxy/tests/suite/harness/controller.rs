//! A controller that says exactly what a test makes it say, over real sockets and mutual TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::channel::Channel;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portreeve_table::PATH;
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::h2::{beside, on};
use super::proxy::wait_until;
use super::session::Session;

/// An address where nobody listens, and where nobody but this test ever will.
pub fn reserved() -> SocketAddr {
    // Who only binds holds the port, and lets one who listens have it as well.
    static HELD: Mutex<Vec<Socket>> = Mutex::new(Vec::new());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    HELD.lock().unwrap().push(socket);
    address
}

/// A controller that runs until it is killed.
pub struct Controller {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    arriving: UnboundedReceiver<Session>,
    serving: JoinHandle<()>,
}

/// What came to a controller.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// What a controller does.
#[derive(Clone)]
struct Manner {
    tls: Arc<ServerConfig>,
    status: StatusCode,
    seen: Arc<Seen>,
    sessions: UnboundedSender<Session>,
}

impl Controller {
    pub fn start(tls: Arc<ServerConfig>) -> Self {
        Self::at(reserved(), tls)
    }

    /// One at an address that another had.
    pub fn at(address: SocketAddr, tls: Arc<ServerConfig>) -> Self {
        Self::answering(address, tls, StatusCode::OK)
    }

    /// One that has no sessions for proxies.
    pub fn refusing(tls: Arc<ServerConfig>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::answering(reserved(), tls, status)
    }

    fn answering(address: SocketAddr, tls: Arc<ServerConfig>, status: StatusCode) -> Self {
        let listener = on(TcpListener::bind(address)).unwrap();
        let (sessions, arriving) = unbounded_channel();
        let seen = Arc::<Seen>::default();
        let manner = Manner {
            tls,
            status,
            seen: Arc::clone(&seen),
            sessions,
        };
        let serving = beside(serve(listener, manner));
        Self {
            address,
            seen,
            arriving,
            serving,
        }
    }

    /// The next session, after the proxy has said who it is.
    pub fn session(&mut self) -> Session {
        on(self.arriving.recv()).unwrap().begun()
    }

    /// The same, if it is there.
    pub fn try_session(&mut self) -> Option<Session> {
        Some(self.arriving.try_recv().ok()?.begun())
    }

    /// How many connections were made to it, and how many requests came through them.
    pub fn seen(&self) -> (usize, usize) {
        let seen = [&self.seen.connections, &self.seen.requests];
        seen.map(|count| count.load(Ordering::Relaxed)).into()
    }

    /// Ends it with all its connections, as the kernel does; returns where it was.
    pub fn kill(self) -> SocketAddr {
        self.serving.abort();
        let _ = on(self.serving);
        self.address
    }
}

async fn serve(listener: TcpListener, manner: Manner) {
    // They end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        manner.seen.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(connection(stream, manner.clone()));
    }
}

async fn connection(stream: TcpStream, manner: Manner) {
    let tls = TlsAcceptor::from(Arc::clone(&manner.tls));
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.unwrap_or_default()[0].to_vec();
    let service = service_fn(|request| {
        let response = manner.answer(request, &certificate);
        async move { Ok::<_, Infallible>(response) }
    });
    let _ = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Manner {
    fn answer(
        &self,
        request: Request<Incoming>,
        certificate: &[u8],
    ) -> Response<Either<Empty<Bytes>, Channel<Bytes>>> {
        self.seen.requests.fetch_add(1, Ordering::Relaxed);
        if self.status != StatusCode::OK || request.uri().path() != PATH {
            let mut response = Response::new(Either::Left(Empty::new()));
            *response.status_mut() = self.status;
            return response;
        }
        let (sender, body) = Channel::new(1);
        let session = Session::new(certificate, request.into_body(), sender);
        let _ = self.sessions.send(session);
        Response::new(Either::Right(body))
    }
}

/// Waits for a session with one of them; returns which and it.
pub fn any_session(
    controllers: &mut [Controller],
    mut meanwhile: impl FnMut(),
) -> (usize, Session) {
    let mut found = None;
    wait_until("a session", || {
        meanwhile();
        let numbered = controllers.iter_mut().enumerate();
        let mut sessions = numbered.filter_map(|(n, c)| Some((n, c.try_session()?)));
        found = sessions.next();
        found.is_some()
    });
    found.unwrap()
}
