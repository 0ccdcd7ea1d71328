//! An HTTP/1 connection's bytes, so that an endpoint's last word is heard and none has too many.
//!
//! An endpoint that refuses an upload answers and closes while we still write. Its answer is in
//! our receive buffer, so a write that fails is no reason to stop reading.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::Io;
use crate::stall::Stall;

/// How much an endpoint may send before the head of its response has ended, in bytes: interim
/// responses count, and hyper alone would read them for ever.
const MAX_HEADS: usize = 256 * 1024;

/// How much is read at once when it must not be all that comes, in bytes.
const SOME: usize = 64 * 1024;

/// How much of a request's response may come.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    /// What more may come before there is an answer, in bytes; `usize::MAX` when there is one.
    heads: AtomicUsize,
    /// Whose response it is, if its client may leave it unread while others go on.
    client: Mutex<Option<Arc<Stall>>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heads: AtomicUsize::new(usize::MAX),
            client: Mutex::default(),
        }
    }
}

impl Budget {
    /// A request is sent.
    pub(super) fn begin(&self, client: Option<Arc<Stall>>) {
        self.0.heads.store(MAX_HEADS, Ordering::Relaxed);
        *self.client() = client;
    }

    /// Its response's head is there.
    pub(super) fn has_head(&self) {
        self.0.heads.store(usize::MAX, Ordering::Relaxed);
    }

    /// Its response has ended.
    pub(super) fn end(&self) {
        *self.client() = None;
    }

    fn is_spent(&self) -> bool {
        self.0.heads.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        let left = self.0.heads.load(Ordering::Relaxed);
        if left != usize::MAX {
            let left = left.saturating_sub(bytes);
            self.0.heads.store(left, Ordering::Relaxed);
        }
    }

    fn client(&self) -> MutexGuard<'_, Option<Arc<Stall>>> {
        let client = &self.0.client;
        client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of an HTTP/1 connection to an endpoint.
#[derive(Debug)]
pub(super) struct Stream {
    io: Io,
    budget: Budget,
    /// Whether the endpoint no longer takes what we write.
    is_deaf: bool,
}

impl Stream {
    pub(super) fn new(io: Io, budget: Budget) -> Self {
        Self {
            io,
            budget,
            is_deaf: false,
        }
    }

    /// Writes nothing more once a write has failed: reading tells how the connection ends.
    fn write<T>(
        &mut self,
        write: impl FnOnce(Pin<&mut Io>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.is_deaf {
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.io)) {
            Poll::Ready(Err(_)) => {
                self.is_deaf = true;
                Poll::Pending
            }
            written => written,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.budget.is_spent() {
            let error = "the endpoint sends heads without end";
            return Poll::Ready(Err(io::Error::other(error)));
        }
        let before = buf.filled().len();
        let client = self.budget.client().clone();
        let io = Pin::new(&mut self.io);
        let read = match client.as_ref().map(|client| client.share().at_once()) {
            Some(at_once) if at_once < buf.remaining() => poll_read_some(io, cx, buf, at_once),
            _ => io.poll_read(cx, buf),
        };
        let bytes = buf.filled().len() - before;
        if let Some(client) = client {
            client.share().read(bytes);
        }
        self.budget.spend(bytes);
        read
    }
}

/// Reads no more than `most` into a buffer that has room for more.
///
/// A part of a buffer that nobody has written to cannot be lent safely: its bytes are written
/// first, so there must not be too many of them.
fn poll_read_some(
    io: Pin<&mut Io>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
    most: usize,
) -> Poll<io::Result<()>> {
    let mut part = ReadBuf::new(buf.initialize_unfilled_to(most.min(SOME)));
    let read = io.poll_read(cx, &mut part);
    let filled = part.filled().len();
    buf.advance(filled);
    read
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(|io| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|io| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(|io| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
