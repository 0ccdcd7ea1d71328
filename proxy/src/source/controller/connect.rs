//! A connection to a controller: HTTP/2 over mutual TLS, with one request that never ends.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use portreeve_identity::Role;
use portreeve_table::PATH;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How long a controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("it cannot be connected to: {0}")]
    Connect(#[from] io::Error),
    #[error("it is not known as a controller: {0}; see that ca.crt is of the same authority")]
    Tls(io::Error),
    #[error("it takes no session: {}; see whether it knows --identity as a proxy", causes(.0))]
    Http(#[from] hyper::Error),
    #[error("it refuses the session with status {0}")]
    Refused(StatusCode),
    #[error("it does not answer in time")]
    Timeout,
}

/// An error with what is behind it, where a TLS alert tells more than that something broke.
fn causes(error: &hyper::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Both ways of a session.
pub(super) struct Stream<B> {
    pub(super) outgoing: Sender<Bytes>,
    pub(super) incoming: B,
    /// The connection ends with the session: one that is stuck would never end by itself.
    pub(super) _connection: JoinSet<()>,
}

/// Begins a session.
pub(super) async fn connect(
    address: SocketAddr,
    tls: Arc<ClientConfig>,
) -> Result<Stream<Incoming>, ConnectError> {
    let connected = tokio::time::timeout(PATIENCE, open(address, tls)).await;
    connected.unwrap_or(Err(ConnectError::Timeout))
}

async fn open(
    address: SocketAddr,
    tls: Arc<ClientConfig>,
) -> Result<Stream<Incoming>, ConnectError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = Role::Controller.server_name();
    let stream = TlsConnector::from(tls).connect(name, stream).await;
    let stream = TokioIo::new(stream.map_err(ConnectError::Tls)?);
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE)
        .handshake(stream)
        .await?;
    let mut running = JoinSet::new();
    running.spawn(async { drop(connection.await) });
    let (outgoing, body) = Channel::<Bytes>::new(1);
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let response = sender.send_request(request).await?;
    match response.status() {
        StatusCode::OK => Ok(Stream {
            outgoing,
            incoming: response.into_body(),
            _connection: running,
        }),
        status => Err(ConnectError::Refused(status)),
    }
}
