//! A stream whose first bytes were already read, to learn what it speaks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is known whether the client speaks HTTP/2, and gives the stream back whole.
/// It waits as long as the client does: the caller sets the deadline.
pub(super) async fn sniff<S>(mut stream: S) -> io::Result<(bool, Prefixed<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut seen = BytesMut::with_capacity(PREFACE.len());
    while seen.len() < PREFACE.len() && PREFACE.starts_with(&seen) {
        if stream.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    let h2 = seen.starts_with(PREFACE);
    Ok((h2, Prefixed { seen, stream }))
}

/// The stream, with what was read of it put back in front.
pub(super) struct Prefixed<S> {
    seen: BytesMut,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.seen.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let n = self.seen.len().min(buf.remaining());
        buf.put_slice(&self.seen.copy_to_bytes(n));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Writes `pieces` one by one, each only after the last was read.
    async fn sniffed(pieces: &[&[u8]]) -> (bool, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(8);
        let write = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
            }
            client.shutdown().await.unwrap();
        };
        let read = async {
            let (h2, mut stream) = sniff(server).await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            (h2, all)
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn the_preface_is_known_in_any_pieces_and_nothing_is_lost() {
        for (pieces, expected) in [
            (&[PREFACE, b"more"] as &[&[u8]], true),
            (&[b"P", b"RI * HTTP", b"/2.0\r\n\r\nSM\r\n", b"\r\n"], true),
            (&[b"GET / HTTP/1.1\r\n\r\n"], false),
            (&[b"P", b"OST / HTTP/1.1\r\n\r\n"], false),
            (&[b"PRI"], false),
            (&[], false),
        ] {
            let (h2, all) = sniffed(pieces).await;
            assert_eq!((h2, all), (expected, pieces.concat()));
        }
    }
}
