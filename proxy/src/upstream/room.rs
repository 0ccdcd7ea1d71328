//! How much room an HTTP/2 connection has: the streams that its peer allows, less the open ones.
//!
//! hyper queues what a peer does not allow yet without a bound, so streams are counted here.
//! Nor does it tell when a peer says what it allows: that is looked for whenever something was
//! read while there was no room.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::connect::Io;
use crate::timer::Clock;
use crate::upload::RequestBody;

/// How many streams we open on one connection, however many the peer allows.
const MAX_STREAMS: usize = 100;

/// What hyper takes for allowed until the peer has spoken: a number that no peer can say.
pub(super) const UNSAID: usize = usize::MAX - 1;

/// A connection, to be driven.
pub(super) type Connection = http2::Connection<TokioIo<Listening>, RequestBody, TokioExecutor>;

/// How many streams a connection has and may have.
#[derive(Debug)]
pub(super) struct Room {
    open: AtomicUsize,
    allowed: AtomicUsize,
    has_allowed: AtomicBool,
    idle_since: AtomicU64,
    clock: Arc<Clock>,
    /// Told when something was read while there was no room.
    heard: Notify,
    /// Told when there may be room where there was none; shared by all connections to an endpoint.
    freed: Arc<Notify>,
}

/// One open stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<Room>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        let room = &self.0;
        let was_full = !room.is_free();
        if room.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            let now = room.clock.now_millis();
            room.idle_since.store(now, Ordering::Relaxed);
        }
        if was_full {
            room.freed.notify_one();
        }
    }
}

impl Room {
    /// A connection's that has said nothing yet, and so has none.
    pub(super) fn new(clock: &Arc<Clock>, freed: &Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            allowed: AtomicUsize::new(0),
            has_allowed: AtomicBool::new(false),
            idle_since: AtomicU64::new(clock.now_millis()),
            clock: Arc::clone(clock),
            heard: Notify::new(),
            freed: Arc::clone(freed),
        })
    }

    /// Opens a stream, whether there is room or not.
    pub(super) fn open(self: &Arc<Self>) -> OpenStream {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }

    /// How many streams are open.
    pub(super) fn count(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Since when there is no stream, in the clock's milliseconds.
    pub(super) fn idle_since(&self) -> u64 {
        self.idle_since.load(Ordering::Relaxed)
    }

    /// Whether there is room for a stream, with some to spare where there is much.
    pub(super) fn is_free(&self) -> bool {
        let allowed = self.allowed.load(Ordering::Relaxed);
        self.count() < allowed - allowed / 5
    }

    /// Whether the peer allows no stream at all.
    pub(super) fn is_barred(&self) -> bool {
        self.allowed.load(Ordering::Relaxed) == 0
    }

    /// Whether it ever did.
    pub(super) fn has_allowed(&self) -> bool {
        self.has_allowed.load(Ordering::Relaxed)
    }

    fn allow(&self, said: usize) {
        let allowed = match said {
            UNSAID => 0,
            said => said.min(MAX_STREAMS),
        };
        if self.allowed.swap(allowed, Ordering::Relaxed) < allowed {
            self.has_allowed.store(true, Ordering::Relaxed);
            self.freed.notify_one();
        }
    }

    /// Drives a connection until its peer has said how many streams it allows.
    ///
    /// # Errors
    /// When it ends before.
    pub(super) async fn greet(&self, connection: Pin<&mut Connection>) -> hyper::Result<bool> {
        let ended = self.follow(connection, |said| said != UNSAID).await;
        ended.map_or(Ok(true), |ended| ended.map(|()| false))
    }

    /// Drives a connection to its end.
    pub(super) async fn drive(&self, mut connection: Pin<Box<Connection>>) {
        // How a connection ends is told to the requests that it had.
        let _ = self.follow(connection.as_mut(), |_| false).await;
        drop(connection);
        self.freed.notify_one();
    }

    /// Drives a connection until it has ended, or what its peer says is enough.
    async fn follow(
        &self,
        mut connection: Pin<&mut Connection>,
        is_enough: impl Fn(usize) -> bool,
    ) -> Option<hyper::Result<()>> {
        let mut heard = pin!(self.heard.notified());
        poll_fn(|cx| {
            while heard.as_mut().poll(cx).is_ready() {
                heard.set(self.heard.notified());
            }
            let polled = connection.as_mut().poll(cx);
            let said = connection.current_max_send_streams();
            self.allow(said);
            match polled {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if is_enough(said) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// A connection's bytes, listened to as long as it has no room.
#[derive(Debug)]
pub(super) struct Listening {
    io: Io,
    room: Arc<Room>,
}

impl Listening {
    pub(super) fn new(io: Io, room: &Arc<Room>) -> Self {
        let room = Arc::clone(room);
        Self { io, room }
    }
}

impl AsyncRead for Listening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What came is understood before more is asked for, so the last to be told has all.
        if !self.room.is_free() {
            self.room.heard.notify_one();
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Listening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
