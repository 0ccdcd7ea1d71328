//! HTTP/2 streams whose client has stopped to read.
//!
//! A client can close one stream's window and keep its connection busy with others. hyper then
//! asks the stream's body for nothing more, so nobody notices how long that lasts: the stream's
//! task is watched here, and dropped when the client took nothing for too long, which resets the
//! stream and lets go of its endpoint.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;

use crate::timer::Timer;

tokio::task_local! {
    static STALL: Arc<Stall>;
}

/// Whether a stream's client is the one who is waited for.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// The body's own, which it does not need meanwhile; set by the first frame.
    timer: OnceLock<Arc<Timer>>,
    is_waiting: AtomicBool,
}

impl Stall {
    /// The current stream's; `None` on HTTP/1, where a connection's writes are watched.
    pub(crate) fn current() -> Option<Arc<Self>> {
        STALL.try_with(Arc::clone).ok()
    }

    /// A frame was handed on, and the client has `patience` to take it.
    pub(crate) fn begin(&self, timer: &Arc<Timer>, patience: Duration) {
        self.timer.get_or_init(|| Arc::clone(timer)).arm(patience);
        self.is_waiting.store(true, Ordering::Relaxed);
    }

    /// The client took it.
    pub(crate) fn end(&self) {
        self.is_waiting.store(false, Ordering::Relaxed);
    }
}

/// Runs the streams of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams;

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let stall = Arc::new(Stall::default());
        tokio::spawn(STALL.scope(Arc::clone(&stall), watch(stream, stall)));
    }
}

async fn watch(stream: impl Future, stall: Arc<Stall>) {
    let mut stream = pin!(stream);
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let timer = stall.timer.get();
        match timer.filter(|_| stall.is_waiting.load(Ordering::Relaxed)) {
            Some(timer) => timer.poll_expired(cx),
            None => Poll::Pending,
        }
    })
    .await;
}
