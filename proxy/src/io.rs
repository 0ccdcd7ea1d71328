//! A client's byte stream, watched: slow heads, stalled writes and hasty closes are dealt with here.
//!
//! HTTP is not known here, except for the one answer that nobody else can give: 408 to a client
//! that began a request and did not end it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::{Activity, Phase};

const TIMED_OUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// How long a close waits for what the client is still sending.
const LINGER: Duration = Duration::from_secs(2);

/// A client's stream.
#[derive(Debug)]
pub(crate) struct ClientIo<S> {
    inner: S,
    /// Bytes that were read while finding out what the client speaks.
    prefix: Bytes,
    activity: Arc<Activity>,
    /// HTTP/2 has frames between requests, so only its driver knows when it is idle.
    watches_heads: bool,
    closing: Closing,
}

/// How far a close has come.
#[derive(Debug, PartialEq, Eq)]
enum Closing {
    Not,
    /// Our side is closed; what the client still sends is read and thrown away.
    Lingering,
}

impl<S> ClientIo<S> {
    pub(crate) fn new(inner: S, prefix: Bytes, activity: Arc<Activity>, is_h1: bool) -> Self {
        Self {
            inner,
            prefix,
            activity,
            watches_heads: is_h1,
            closing: Closing::Not,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let phase = this.activity.phase();
        let watched = this.watches_heads && phase != Phase::Busy;
        if watched && this.activity.reading.poll_expired(cx).is_ready() {
            if phase == Phase::Head {
                this.activity.head_times_out();
                // Whether it can be written at once or not, the connection ends here.
                let _ = Pin::new(&mut this.inner).poll_write(cx, TIMED_OUT);
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        if this.prefix.has_remaining() {
            let n = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix.split_to(n));
        } else {
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        }
        // Of a request that was answered early, what comes is still the body.
        let is_new = phase == Phase::Idle && !this.activity.is_unread();
        if watched && is_new && buf.filled().len() > before {
            this.activity.head_begins();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientIo<S> {
    /// Watches for writes that make no progress.
    fn written<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => self.activity.write_stalls(),
            Poll::Ready(_) => self.activity.writing.disarm(),
        }
        written
    }

    /// Reads and throws away what the client still sends, so that closing does not make the kernel
    /// answer it with a reset that overtakes our response.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        loop {
            if self.activity.reading.poll_expired(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Over TLS what was written may still wait here for the client to take it.
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.written(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::Not {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            // A head that was refused has not been read to its end either.
            let is_refused = self.watches_heads && self.activity.phase() == Phase::Head;
            if !is_refused && !self.activity.is_unread() {
                return Poll::Ready(Ok(()));
            }
            self.activity.reading.arm(LINGER);
            self.closing = Closing::Lingering;
        }
        self.poll_linger(cx)
    }
}
