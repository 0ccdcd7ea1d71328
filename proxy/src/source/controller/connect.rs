//! A connection to a controller: HTTP/2 over mutual TLS, with one request that never ends.

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
use tokio_rustls::TlsConnector;

/// How long a controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("it cannot be connected to: {0}")]
    Connect(#[from] io::Error),
    #[error("it does not speak HTTP/2: {0}")]
    Http(#[from] hyper::Error),
    #[error("it refuses the session with status {0}")]
    Refused(StatusCode),
    #[error("it does not answer in time")]
    Timeout,
}

/// Both ways of a session.
pub(super) struct Stream {
    pub(super) outgoing: Sender<Bytes>,
    pub(super) incoming: Incoming,
}

/// The addresses that a host and port stand for.
pub(super) async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host(address)).await;
    Ok(found??.collect())
}

/// Begins a session.
pub(super) async fn connect(
    address: SocketAddr,
    tls: Arc<ClientConfig>,
) -> Result<Stream, ConnectError> {
    let connected = tokio::time::timeout(PATIENCE, open(address, tls)).await;
    connected.unwrap_or(Err(ConnectError::Timeout))
}

async fn open(address: SocketAddr, tls: Arc<ClientConfig>) -> Result<Stream, ConnectError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = Role::Controller.server_name();
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE)
        .handshake(TokioIo::new(stream))
        .await?;
    // It ends when both ways of the session are dropped.
    tokio::spawn(connection);
    let (outgoing, body) = Channel::<Bytes>::new(1);
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let response = sender.send_request(request).await?;
    match response.status() {
        StatusCode::OK => Ok(Stream {
            outgoing,
            incoming: response.into_body(),
        }),
        status => Err(ConnectError::Refused(status)),
    }
}
