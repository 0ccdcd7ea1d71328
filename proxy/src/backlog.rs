//! What is held of an HTTP/2 connection's responses because its client does not take it.
//!
//! Every stream may have some bytes on their way, or else a client that takes them would wait for
//! one that does not. What all may have beyond that is limited, so that a hundred streams that
//! nobody reads cost no more than a few that are read. A stream waits for nothing but its own
//! bytes to be sent: no other stream can keep it from going on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::serve::MAX_STREAMS;

/// What may be held of all responses of a connection, in bytes.
const MAX: usize = 1 << 20;
/// What a stream may have when nothing is free.
const LEAST: usize = 4 * 1024;
/// What a connection's streams share beside that: the first to come takes it.
const FREE: usize = MAX - MAX_STREAMS as usize * LEAST;
/// What is free is not given in smaller parts, which would be hardly more than frames' heads.
const PART: usize = 8 * 1024;

/// What is held of all responses of a connection, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Backlog(AtomicUsize);

impl Backlog {
    fn free(&self) -> usize {
        FREE.saturating_sub(self.0.load(Ordering::Relaxed))
    }
}

/// What is held of one of them.
#[derive(Debug)]
pub(crate) struct Share {
    all: Arc<Backlog>,
    held: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

impl Share {
    pub(crate) fn of(all: &Arc<Backlog>) -> Self {
        Self {
            all: Arc::clone(all),
            held: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// How much may be held more; `None` when the client has to take something first.
    fn room(&self) -> Option<usize> {
        let free = Some(self.all.free()).filter(|free| *free >= PART);
        free.or_else(|| self.is_empty().then_some(LEAST))
    }

    /// The same; when there is none, the task is woken as soon as the client took something.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<usize> {
        if let Some(room) = self.room() {
            return Poll::Ready(room);
        }
        let mut waiting = self.waiting();
        // What was let go of meanwhile has woken nobody.
        if let Some(room) = self.room() {
            return Poll::Ready(room);
        }
        if !waiting.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn let_go(&self, bytes: usize) {
        self.all.0.fetch_sub(bytes, Ordering::Relaxed);
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        // h2 may be locked now: whoever is woken must not run before it is not.
        let waiting = self.waiting().take();
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.load(Ordering::Relaxed) == 0
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn ask(share: &Share) -> Option<usize> {
        ready(share.poll_room(&mut Context::from_waker(Waker::noop())))
    }

    fn ready(room: Poll<usize>) -> Option<usize> {
        match room {
            Poll::Ready(room) => Some(room),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_hundred_streams_that_nobody_reads_hold_no_more_than_1_mib() {
        let all = Arc::default();
        let shares: Vec<_> = (0..100).map(|_| Share::of(&all)).collect();
        for _ in 0..100 {
            for share in &shares {
                let room = ask(share).unwrap_or(0);
                share.hold(room.min(64 * 1024));
            }
        }
        // Those that had of what was free have no part of their own beside it.
        assert_eq!(all.0.load(Ordering::Relaxed), FREE + 90 * LEAST);
        assert!(shares.iter().all(|share| ask(share).is_none()));
        for share in &shares {
            share.let_go(share.held.load(Ordering::Relaxed));
        }
        assert_eq!(ask(&shares[0]), Some(FREE));
    }

    #[test]
    fn a_stream_that_is_read_goes_on_whatever_its_siblings_hold() {
        let all = Arc::default();
        let (stuck, read) = (Share::of(&all), Share::of(&all));
        stuck.hold(10 * FREE);
        for _ in 0..100 {
            assert_eq!(ask(&read), Some(LEAST));
            read.hold(LEAST);
            assert!(ask(&read).is_none());
            read.let_go(LEAST);
        }
        assert!(ask(&stuck).is_none());
    }

    #[test]
    fn who_waits_is_woken_for_each_piece_that_is_taken() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let ask = || ready(share.poll_room(&mut Context::from_waker(&waker)));
        let count = || woken.0.load(Ordering::Relaxed);
        sibling.hold(FREE);
        share.hold(LEAST);
        assert_eq!(ask(), None);
        assert_eq!(ask(), None);
        share.let_go(1);
        assert_eq!((count(), ask()), (1, None), "not all of it");
        share.let_go(LEAST - 1);
        assert_eq!((count(), ask()), (2, Some(LEAST)));
        share.let_go(0);
        assert_eq!(count(), 2, "nobody waits");
    }

    #[test]
    fn nothing_is_handed_on_in_crumbs() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        sibling.hold(FREE - PART);
        share.hold(1);
        assert!(ask(&share).is_none());
        sibling.let_go(1);
        assert_eq!(ask(&share), Some(PART));
    }
}
