//! An HTTP/1 connection's bytes, so that an endpoint's last word is heard and none has too many.
//!
//! An endpoint that refuses an upload answers and closes while we still write. Its answer is in
//! our receive buffer, so a write that fails is no reason to stop reading.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connect::Io;

/// How much an endpoint may send before the head of its response has ended, in bytes: interim
/// responses count, and hyper alone would read them for ever.
const MAX_HEADS: usize = 256 * 1024;

/// How much more may come before there is an answer.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }

    /// A request is sent.
    pub(super) fn begin(&self) {
        self.0.store(MAX_HEADS, Ordering::Relaxed);
    }

    /// Its response's head is there.
    pub(super) fn end(&self) {
        self.0.store(usize::MAX, Ordering::Relaxed);
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn spend(&self, bytes: usize) {
        let left = self.0.load(Ordering::Relaxed);
        if left != usize::MAX {
            self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        }
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
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        self.budget.spend(buf.filled().len() - before);
        read
    }
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
