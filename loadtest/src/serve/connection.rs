//! One accepted connection: TLS when the service has it, then HTTP/2 or HTTP/1.1.
//!
//! Which version it is comes from ALPN or from the first bytes, never from guessing, and always
//! under a deadline: a silent client must not hold a connection.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::behaviour;
use super::prefixed::sniff;
use super::service::Service;
use crate::canned;

/// How long a client may take to finish TLS, or to show which version it speaks.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may be idle. Longer than any proxy keeps its own, so that it is the
/// proxy who closes first and no request is lost between the two.
const IDLE: Duration = Duration::from_secs(120);
/// A stream limit that a proxy reaches only on purpose.
const STREAMS: u32 = 1000;
/// Enough of a window for full speed on loopback.
const WINDOW: u32 = 1024 * 1024;

/// Serves one connection to its end. How it ends is the client's business: there is no error.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<Service>,
    stop: watch::Receiver<()>,
) {
    let _slower_without = stream.set_nodelay(true);
    if service.canned {
        let _ = canned::serve(stream).await;
        return;
    }
    let Some(config) = service.tls.clone() else {
        if let Ok(Ok((h2, stream))) = timeout(HANDSHAKE, sniff(stream)).await {
            drive(stream, h2, peer, service, stop).await;
        }
        return;
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, handshake).await {
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        drive(stream, h2, peer, service, stop).await;
    }
}

async fn drive<S>(
    stream: S,
    h2: bool,
    peer: SocketAddr,
    service: Arc<Service>,
    mut stop: watch::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let io = TokioIo::new(stream);
    let handle = service_fn(move |request| behaviour::answer(Arc::clone(&service), peer, request));
    // Errors are clients that went away; the proxy under test is the one to report them.
    if h2 {
        let mut connection = pin!(http2_builder().serve_connection(io, handle));
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    } else {
        let connection = http1_builder().serve_connection(io, handle);
        let mut connection = pin!(connection.with_upgrades());
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE);
    builder
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(64 * 1024);
    builder
}
