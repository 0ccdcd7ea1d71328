//! HTTP/2 streams whose client has stopped to read.
//!
//! A client can close one stream's window and keep its connection busy with others. hyper then
//! asks the stream's body for nothing more, so nobody notices how long that lasts: the stream's
//! task is watched here, and dropped when the client took nothing for too long, which resets the
//! stream and lets go of its endpoint.
//!
//! How much h2 is given is limited (`backlog.rs`); a stream that may give no more waits for its
//! client as well.
//!
//! A task ends as soon as h2 has its last frame, which may be long before the client opens its
//! window for it. What h2 still has of such a stream is a tail: nobody can reset its stream any
//! more, so the connection ends when its client leaves a tail lying for too long.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::rt::Executor;

use crate::activity::Activity;
use crate::backlog::{Backlog, Share};
use crate::timer::{Clock, Timer};

/// How much is handed on at once, in bytes: a client that takes this much has taken something.
/// It is what h2 puts into a frame.
pub(crate) const PIECE: usize = 16 * 1024;

tokio::task_local! {
    static STALL: Arc<Stall>;
}

/// Whether a stream's client is the one who is waited for.
#[derive(Debug)]
pub(crate) struct Stall {
    /// When the client was last given something to take after it had all, or took a piece, in the
    /// clock's milliseconds.
    since: AtomicU64,
    is_waiting: AtomicBool,
    /// What is held of its response.
    share: Share,
    clock: Arc<Clock>,
}

/// A frame's bytes until h2 has sent them.
struct Lent {
    bytes: Bytes,
    stall: Arc<Stall>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.stall.begins();
        self.stall.share.let_go(self.bytes.len());
    }
}

impl Stall {
    /// The current stream's; `None` on HTTP/1, where a connection's writes are watched.
    pub(crate) fn current() -> Option<Arc<Self>> {
        STALL.try_with(Arc::clone).ok()
    }

    fn new(client: &Client) -> Arc<Self> {
        Arc::new(Self {
            since: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            share: Share::of(&client.backlog),
            clock: Arc::clone(&client.clock),
        })
    }

    /// What is held of the stream's response.
    pub(crate) fn share(&self) -> &Share {
        &self.share
    }

    /// Ready when more of the response may be taken: h2 took what there was, because the client
    /// takes at least a part of it. Pending while h2 has so much that the client must take some of
    /// that first.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        let open = self.share.poll_open(cx);
        match open {
            Poll::Ready(()) => self.is_waiting.store(false, Ordering::Relaxed),
            Poll::Pending if self.is_awaited() => {}
            Poll::Pending => self.waits(),
        }
        open
    }

    /// Hands on bytes that were taken, which the client has to take in time.
    pub(crate) fn hand_on(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.share.lend(bytes.len());
        self.waits();
        let stall = Arc::clone(self);
        Bytes::from_owner(Lent { bytes, stall })
    }

    fn waits(&self) {
        self.begins();
        self.is_waiting.store(true, Ordering::Relaxed);
    }

    /// The client's time begins anew.
    fn begins(&self) {
        self.since.store(self.clock.now_millis(), Ordering::Relaxed);
    }

    fn is_awaited(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    fn is_sent(&self) -> bool {
        self.share.is_sent()
    }
}

/// Runs the streams of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Streams(Arc<Client>);

/// Whose streams they are.
#[derive(Debug)]
struct Client {
    clock: Arc<Clock>,
    activity: Arc<Activity>,
    backlog: Arc<Backlog>,
    /// Armed for the tail whose time is over first.
    timer: Arc<Timer>,
    /// Streams that have ended here and not at their client.
    tails: Mutex<Vec<Arc<Stall>>>,
}

impl Streams {
    pub(crate) fn new(clock: &Arc<Clock>, activity: &Arc<Activity>) -> Self {
        Self(Arc::new(Client {
            clock: Arc::clone(clock),
            activity: Arc::clone(activity),
            backlog: Arc::default(),
            timer: clock.timer(),
            tails: Mutex::default(),
        }))
    }

    /// Ready when the client has left a tail lying for too long.
    ///
    /// Asked after h2 has sent what it could: then hardly ever is there a tail to wait for.
    pub(crate) fn poll_stalled(&self, cx: &mut Context<'_>) -> Poll<()> {
        let client = &*self.0;
        let mut tails = client.tails();
        tails.retain(|tail| !tail.is_sent());
        let Some(until) = tails.iter().map(|tail| client.deadline(tail)).min() else {
            return Poll::Pending;
        };
        client.timer.arm_until(until);
        client.timer.poll_expired(cx)
    }
}

impl Client {
    fn tails(&self) -> MutexGuard<'_, Vec<Arc<Stall>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the client has had its time for a stream, if it takes nothing from now on. As long as
    /// its connection is full, it is the network that is slow.
    fn deadline(&self, stall: &Stall) -> u64 {
        let since = stall.since.load(Ordering::Relaxed);
        self.activity
            .write_deadline(since.max(self.activity.full_at()))
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let stall = Stall::new(&self.0);
        let watched = watch(stream, Arc::clone(&stall), Arc::clone(&self.0));
        tokio::spawn(STALL.scope(stall, watched));
    }
}

async fn watch(stream: impl Future, stall: Arc<Stall>, client: Arc<Client>) {
    let mut stream = pin!(stream);
    // Most streams never wait for their client, and need none.
    let mut timer = None;
    let has_ended = poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        if !stall.is_awaited() {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| client.clock.timer());
        timer.arm_until(client.deadline(&stall));
        timer.poll_expired(cx).map(|()| false)
    });
    if has_ended.await && !stall.is_sent() {
        client.tails().push(stall);
    }
}
