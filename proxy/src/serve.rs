//! One client connection, from its first byte to its last.
//!
//! Which HTTP it speaks is known before hyper sees it: TLS has agreed on it, and on a plain port
//! the first bytes tell. Every state has a time limit.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::activity::{Activity, Phase};
use crate::conn::Conn;
use crate::error::Reason;
use crate::io::ClientIo;
use crate::request;
use crate::stall::Streams;
use crate::tls::alpn;
use crate::worker::Worker;

/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read at once to find out what is spoken: a request's head usually fits.
const FIRST_READ: usize = 2048;

/// How long an HTTP/2 client may take to go after it was told to.
const GOING: std::time::Duration = std::time::Duration::from_secs(5);

/// The status that nginx logs of what it does not answer.
const NO_ANSWER: u16 = 444;

/// The largest head of an HTTP/1 request, in bytes (431 above): ingress-nginx's four times 8 KiB.
const MAX_HEAD: usize = 32 * 1024;
/// The largest list of header fields that h2 reads, in bytes. What it refuses by itself nobody can
/// log, so it takes more than is served.
const MAX_HEADER_LIST: u32 = 64 * 1024;
/// The most streams that a client may have open at once.
pub(crate) const MAX_STREAMS: u32 = 100;
/// How much of all streams' bodies a client may send before we have read it, in bytes.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// The same for one stream.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Serves a connection on a plain port.
pub(crate) async fn plain(worker: Arc<Worker>, mut stream: TcpStream, peer: SocketAddr) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let activity = Activity::new(&worker.clock, &worker.patience);
    activity.reading.arm(worker.patience.handshake);
    let Some(first) = first_bytes(&mut stream, &activity, &worker).await else {
        return;
    };
    let is_h2 = first.starts_with(PREFACE);
    if !is_h2 && is_foreign(&first) {
        worker.refuse(peer, Reason::Malformed, NO_ANSWER, None);
        return;
    }
    activity.reading.arm(worker.patience.idle);
    let conn = Arc::new(Conn::new(peer, local, false, Arc::clone(&activity)));
    let io = ClientIo::new(stream, first, activity, !is_h2);
    drive(worker, conn, io, is_h2).await;
}

/// Serves a connection on a TLS port.
pub(crate) async fn tls(
    worker: Arc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let shaking = tokio::time::timeout(worker.patience.handshake, acceptor.accept(stream));
    let Ok(Ok(stream)) = shaking.await else {
        worker
            .counters()
            .handshakes_failed
            .fetch_add(1, Ordering::Relaxed);
        return;
    };
    let protocol = stream.get_ref().1.alpn_protocol();
    if protocol == Some(alpn::PROTOCOL) {
        farewell(&worker, stream).await;
        return;
    }
    let is_h2 = protocol == Some(b"h2");
    let activity = Activity::new(&worker.clock, &worker.patience);
    let conn = Arc::new(Conn::new(peer, local, true, Arc::clone(&activity)));
    let io = ClientIo::new(stream, Bytes::new(), activity, !is_h2);
    drive(worker, conn, io, is_h2).await;
}

/// Ends a connection of an ACME server, which has seen in the handshake what it asked for.
async fn farewell(worker: &Worker, mut stream: TlsStream<TcpStream>) {
    let going = tokio::time::timeout(worker.patience.handshake, stream.shutdown());
    // Whoever does not wait for the end has heard enough as well.
    let _ = going.await;
}

/// Reads until it is clear whether the client speaks HTTP/2; `None` when it says nothing in time,
/// or before we stop.
async fn first_bytes(
    stream: &mut TcpStream,
    activity: &Activity,
    worker: &Worker,
) -> Option<Bytes> {
    let mut first = BytesMut::with_capacity(FIRST_READ);
    let mut looks = 0;
    loop {
        let read = poll_fn(|cx| {
            if activity.reading.poll_expired(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let polled = poll_read(stream, cx, &mut first);
            if polled.is_pending() && worker.drain.is_closing() {
                // Of a connection that was just accepted the runtime does not know yet what has
                // come. Ticks wake us, and before the second it has asked.
                if looks == 2 {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                looks += 1;
            }
            polled
        });
        if read.await.ok()? == 0 {
            return None;
        }
        let undecided = first.len() < PREFACE.len() && PREFACE.starts_with(&first);
        if !undecided {
            return Some(first.freeze());
        }
    }
}

/// Whether a first line names a protocol that is not HTTP: whoever sent it would not understand
/// our answer, and takes a closed connection for what it is.
fn is_foreign(first: &[u8]) -> bool {
    let line = first
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let is_whole = line.len() < first.len();
    let protocol = line.split(|byte| *byte == b' ').skip(2).last();
    is_whole && protocol.is_some_and(|protocol| !protocol.starts_with(b"HTTP"))
}

fn poll_read(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    let mut scratch = [0; FIRST_READ];
    let mut buf = ReadBuf::new(&mut scratch);
    let polled = Pin::new(stream).poll_read(cx, &mut buf);
    into.extend_from_slice(buf.filled());
    polled.map_ok(|()| buf.filled().len())
}

async fn drive<S>(worker: Arc<Worker>, conn: Arc<Conn>, io: ClientIo<S>, is_h2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if is_h2 {
        http2(worker, conn, io).await;
    } else {
        http1(worker, conn, io).await;
    }
}

async fn http1<S>(worker: Arc<Worker>, conn: Arc<Conn>, io: ClientIo<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(|request| request::handle(Arc::clone(&worker), Arc::clone(&conn), request));
    let mut builder = http1::Builder::new();
    builder.max_buf_size(64 * 1024).max_header_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection.with_upgrades());
    let mut is_told = false;
    let ended = poll_fn(|cx| {
        if conn.activity.writing.poll_expired(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let polled = connection.as_mut().poll(cx);
        // Told before it was polled, hyper would throw away a request that has been read already.
        if polled.is_pending() && !is_told && worker.drain.is_closing() {
            is_told = true;
            connection.as_mut().graceful_shutdown();
            return connection.as_mut().poll(cx);
        }
        polled
    })
    .await;
    refused(&worker, &conn, ended.err());
}

/// Counts and logs what never became a request, and was answered or ended without our knowing.
fn refused(worker: &Worker, conn: &Conn, error: Option<hyper::Error>) {
    let (reason, status) = match &error {
        _ if conn.activity.has_head_timed_out() => (Reason::HeadTimeout, 408),
        Some(error) if error.is_parse_too_large() => (Reason::HeadTooLarge, 431),
        Some(error) if error.is_parse() => (Reason::Malformed, 400),
        Some(error) if breaks_http2(error) => (Reason::Malformed, NO_ANSWER),
        _ => return,
    };
    let why = error.map(|error| error.to_string());
    worker.refuse(conn.peer, reason, status, why.as_deref());
}

/// Whether we ended a connection because its client broke the rules of HTTP/2.
fn breaks_http2(error: &hyper::Error) -> bool {
    let error = std::error::Error::source(error).and_then(|e| e.downcast_ref::<h2::Error>());
    error.is_some_and(|error| error.is_library() && error.is_go_away())
}

async fn http2<S>(worker: Arc<Worker>, conn: Arc<Conn>, io: ClientIo<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(|request| request::handle(Arc::clone(&worker), Arc::clone(&conn), request));
    let streams = Streams::new(&worker.clock, &conn.activity);
    let mut builder = http2::Builder::new(streams.clone());
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(64 * 1024)
        .max_header_list_size(MAX_HEADER_LIST);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut is_told = false;
    let activity = &conn.activity;
    let ended = poll_fn(|cx| {
        let is_idle =
            activity.phase() != Phase::Busy && activity.reading.poll_expired(cx).is_ready();
        if is_told && is_idle || activity.writing.poll_expired(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if !is_told && (is_idle || worker.drain.is_closing()) {
            is_told = true;
            activity.reading.arm(GOING);
            // Looked at once more: a client that says nothing more would not wake us.
            let _ = activity.reading.poll_expired(cx);
            connection.as_mut().graceful_shutdown();
        }
        let polled = connection.as_mut().poll(cx);
        if polled.is_ready() {
            return polled;
        }
        streams.poll_stalled(cx).map(Ok)
    })
    .await;
    refused(&worker, &conn, ended.err());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_names_another_protocol_is_not_answered() {
        for (first, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], false),
            (b"GET / HTTP/9.9\r\n", false),
            (b"GET /a b HTTP/1.1\r\n", false),
            (b"GET /\r\n", false), // HTTP/0.9 understands an answer
            (b"GET / HT", false),  // there is more to come
            (b"INVALID CONNECTION PREFACE\r\n\r\n", true),
            (b"\x16\x03\x01 x y\n", true),
        ] {
            assert_eq!(is_foreign(first), expected, "{first:?}");
        }
    }
}
