//! Tunnels: after a 101, both sides are bytes and nothing is understood any more.
//!
//! Nothing is passed on as a tunnel before the endpoint has said 101 to just the upgrade that the
//! client asked for; until then the client's bytes wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::{io, pin::Pin};

use aws_lc_rs::digest::{Context as Digest, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AsHeaderName, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::{Body, Streaming};
use crate::conn::Conn;
use crate::error::Error;
use crate::forward;
use crate::timer::Timer;
use crate::worker::Worker;

/// The size of each direction's buffer, in bytes.
const BUFFER: usize = 16 * 1024;

/// What an endpoint that speaks WebSocket adds to the client's key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A client's wish for a tunnel.
pub(crate) struct Wish {
    client: OnUpgrade,
    /// Only who understood the wish can answer with what belongs to this key.
    key: Option<HeaderValue>,
}

impl Wish {
    pub(crate) fn new(client: OnUpgrade, headers: &HeaderMap) -> Self {
        let key = only(headers, SEC_WEBSOCKET_KEY).cloned();
        Self { client, key }
    }

    /// Whether a 101 grants just this wish.
    fn is_granted(&self, headers: &HeaderMap) -> bool {
        let upgrade = only(headers, UPGRADE).map(HeaderValue::as_bytes);
        let is_websocket = upgrade.is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
        let accept = only(headers, SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        let expected = self.key.as_ref().map(|key| accept_of(key.as_bytes()));
        is_websocket && expected.is_some_and(|expected| accept == Some(expected.as_bytes()))
    }
}

/// A field that is there once.
fn only(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// What an endpoint answers to a key (RFC 6455, section 4.2.2).
fn accept_of(key: &[u8]) -> String {
    let mut digest = Digest::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key);
    digest.update(GUID);
    BASE64_STANDARD.encode(digest.finish())
}

/// Joins the two sides and returns the 101 that lets the client begin.
///
/// # Errors
/// When the endpoint switched to something that was not asked for.
pub(crate) fn tunnel(
    worker: &Arc<Worker>,
    conn: &Conn,
    wish: Wish,
    mut response: Response<Incoming>,
    streaming: Streaming,
) -> Result<Response<Body>, Error> {
    if !wish.is_granted(response.headers()) {
        return Err(Error::Upgrade);
    }
    let client = wish.client;
    let endpoint = hyper::upgrade::on(&mut response);
    let open = worker.open_connection();
    // The limits on requests no longer apply to this connection: it is in one to its end.
    worker.request_begins(&conn.activity);
    let (worker, activity) = (Arc::clone(worker), Arc::clone(&conn.activity));
    tokio::spawn(async move {
        if let (Ok(client), Ok(endpoint)) = tokio::join!(client, endpoint) {
            copy(client, endpoint, &streaming).await;
        }
        worker.request_ends(&activity);
        drop((streaming, open));
    });
    forward::strip_hop_by_hop(response.headers_mut());
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    Ok(response.map(|_| Body::full(Bytes::new())))
}

/// Copies both ways until both sides have ended, one has failed, or neither has said anything for
/// as long as the route allows.
async fn copy(client: Upgraded, endpoint: Upgraded, streaming: &Streaming) {
    let moved = AtomicU64::new(0);
    let mut client = Watched::new(TokioIo::new(client), &moved);
    let mut endpoint = Watched::new(TokioIo::new(endpoint), &moved);
    let copying =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut endpoint, BUFFER, BUFFER);
    tokio::select! {
        _ = copying => {}
        () = silence(&moved, &streaming.timer, streaming) => {}
    }
}

/// Ends when nothing has moved for as long as the route allows.
async fn silence(moved: &AtomicU64, timer: &Timer, streaming: &Streaming) {
    let mut seen = moved.load(Ordering::Relaxed);
    timer.arm(streaming.patience);
    std::future::poll_fn(|cx| {
        while timer.poll_expired(cx).is_ready() {
            let now = moved.load(Ordering::Relaxed);
            if now == seen {
                return Poll::Ready(());
            }
            seen = now;
            timer.arm(streaming.patience);
        }
        Poll::Pending
    })
    .await;
}

/// One side of a tunnel, counting what comes out of it.
struct Watched<'a, S> {
    inner: S,
    moved: &'a AtomicU64,
}

impl<'a, S> Watched<'a, S> {
    fn new(inner: S, moved: &'a AtomicU64) -> Self {
        Self { inner, moved }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            self.moved.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_standard_says() {
        let accept = accept_of(b"dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
