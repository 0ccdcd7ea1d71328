//! What is held of an HTTP/2 connection's responses because its client does not take it.
//!
//! Every stream may have some bytes on their way, or else a client that takes them would wait for
//! one that does not. What all may have beyond that is limited, so that a hundred streams that
//! nobody reads cost no more than a few that are read. A stream waits for nothing but its own
//! bytes to be sent: no other stream can keep it from going on.
//!
//! Bytes are held from when they are read from an endpoint until h2 has sent them. What an endpoint
//! sends over HTTP/2 is held from when we take it, a frame at a time: before that its window limits
//! it. Bytes are counted and not the buffers that they lie in, which hyper makes larger.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::serve::MAX_STREAMS;

/// What may be held of all responses of a connection, in bytes, when they come over HTTP/1; frames
/// that come over HTTP/2 are larger than what is read at least.
const MAX: usize = 1 << 20;
/// What is read at once of a stream's response when nothing is free.
const LEAST: usize = 2 * 1024;
/// How much a stream may have when nothing is free, in such reads: one with h2, one that hyper
/// keeps for us, and one of which it gives us one chunk after the other.
const READS: usize = 3;
/// What a connection's streams share beside that: the first to come takes it.
const FREE: usize = MAX - MAX_STREAMS as usize * READS * LEAST;
/// What is free is not given in smaller parts, which would be hardly more than frames' heads.
const PART: usize = 8 * 1024;

/// What is held of all responses of a connection, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Backlog(AtomicUsize);

impl Backlog {
    /// What any stream may take.
    fn free(&self) -> Option<usize> {
        let free = FREE.saturating_sub(self.0.load(Ordering::Relaxed));
        Some(free).filter(|free| *free >= PART)
    }
}

/// What is held of one of them.
#[derive(Debug)]
pub(crate) struct Share {
    all: Arc<Backlog>,
    /// What was read last and not taken yet.
    ahead: AtomicUsize,
    /// What was taken and h2 was not given yet.
    taken: AtomicUsize,
    /// What h2 has.
    lent: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

impl Share {
    pub(crate) fn of(all: &Arc<Backlog>) -> Self {
        Self {
            all: Arc::clone(all),
            ahead: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            lent: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// How much may be read at once, in bytes: a part of what is free, so that there is some for
    /// the next.
    pub(crate) fn at_once(&self) -> usize {
        let free = self.all.free();
        free.map_or(LEAST, |free| (free / 4).max(PART))
    }

    /// Holds what was read. More is read only when all that was read before has been taken, or was
    /// never a part of the body; a read of nothing only looks whether the endpoint is still there.
    pub(crate) fn read(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.ahead.swap(bytes, Ordering::Relaxed);
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
        self.all.0.fetch_sub(before, Ordering::Relaxed);
    }

    /// Whether more may be taken.
    fn is_open(&self) -> bool {
        self.all.free().is_some() || self.is_sent()
    }

    /// Ready when more may be taken; until then, the task is woken whenever something was sent.
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_open() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting();
        // What was let go of meanwhile has woken nobody.
        if self.is_open() {
            return Poll::Ready(());
        }
        if !waiting.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Holds what is taken, which may have been read by us or not.
    pub(crate) fn take(&self, bytes: usize) {
        let ahead = self.ahead.load(Ordering::Relaxed);
        self.ahead
            .store(ahead.saturating_sub(bytes), Ordering::Relaxed);
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        let more = bytes.saturating_sub(ahead);
        self.all.0.fetch_add(more, Ordering::Relaxed);
    }

    /// h2 is given a part of what was taken.
    pub(crate) fn lend(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
        self.lent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Holds no longer what h2 has sent.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.all.0.fetch_sub(bytes, Ordering::Relaxed);
        self.lent.fetch_sub(bytes, Ordering::Relaxed);
        // h2 may be locked now: whoever is woken must not run before it is not.
        let waiting = self.waiting().take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether h2 has sent all it was given.
    pub(crate) fn is_sent(&self) -> bool {
        self.lent.load(Ordering::Relaxed) == 0
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    /// What was never handed on goes with its stream.
    fn drop(&mut self) {
        let left = *self.ahead.get_mut() + *self.taken.get_mut() + *self.lent.get_mut();
        self.all.0.fetch_sub(left, Ordering::Relaxed);
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

    /// What hyper does: it reads when we have taken what it read before.
    fn read(share: &Share, most: usize) -> usize {
        let bytes = share.at_once().min(most);
        share.read(bytes);
        bytes
    }

    /// What a body does when h2 takes all at once.
    fn pass(share: &Share, bytes: usize) {
        share.take(bytes);
        share.lend(bytes);
    }

    fn is_open(share: &Share) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        share.poll_open(cx).is_ready()
    }

    #[test]
    fn a_hundred_streams_that_nobody_reads_hold_no_more_than_1_mib() {
        let all: Arc<Backlog> = Arc::default();
        let shares: Vec<_> = (0..MAX_STREAMS).map(|_| Share::of(&all)).collect();
        let mut ahead: Vec<_> = shares.iter().map(|share| read(share, 1 << 20)).collect();
        for _ in 0..100 {
            for (share, ahead) in shares.iter().zip(&mut ahead) {
                if is_open(share) {
                    pass(share, *ahead);
                    *ahead = read(share, 1 << 20);
                }
            }
        }
        let held = || all.0.load(Ordering::Relaxed);
        assert!(shares.iter().all(|share| !is_open(share)));
        assert!((FREE - PART..=MAX).contains(&held()), "{}", held());
        for share in &shares {
            share.let_go(share.lent.load(Ordering::Relaxed));
        }
        assert!(shares.iter().all(is_open));
        drop(shares);
        assert_eq!(held(), 0);
    }

    #[test]
    fn frames_of_a_hundred_streams_that_nobody_reads_are_a_frame_each_beside_what_is_free() {
        const FRAME: usize = 16 * 1024;
        let all: Arc<Backlog> = Arc::default();
        let shares: Vec<_> = (0..MAX_STREAMS).map(|_| Share::of(&all)).collect();
        for share in shares.iter().cycle().take(100 * shares.len()) {
            if is_open(share) {
                pass(share, FRAME);
            }
        }
        let held = all.0.load(Ordering::Relaxed);
        assert!(shares.iter().all(|share| !is_open(share)));
        assert!(held <= FREE + 100 * FRAME, "{held}");
    }

    #[test]
    fn a_stream_that_is_read_goes_on_whatever_its_siblings_hold() {
        let all = Arc::default();
        let (stuck, read) = (Share::of(&all), Share::of(&all));
        pass(&stuck, 10 * FREE);
        for _ in 0..100 {
            assert!(is_open(&read));
            assert_eq!(read.at_once(), LEAST);
            read.read(LEAST);
            pass(&read, LEAST);
            assert!(!is_open(&read));
            read.let_go(LEAST);
        }
        assert!(!is_open(&stuck));
    }

    #[test]
    fn who_waits_is_woken_for_each_piece_that_is_sent() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let is_open = || {
            let cx = &mut Context::from_waker(&waker);
            share.poll_open(cx).is_ready()
        };
        let count = || woken.0.load(Ordering::Relaxed);
        pass(&sibling, FREE);
        pass(&share, LEAST);
        assert!(!is_open());
        assert!(!is_open());
        share.let_go(1);
        assert_eq!((count(), is_open()), (1, false), "not all of it");
        share.let_go(LEAST - 1);
        assert_eq!((count(), is_open()), (2, true));
        share.let_go(0);
        assert_eq!(count(), 2, "nobody waits");
    }

    #[test]
    fn nothing_is_read_in_crumbs() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        pass(&sibling, FREE - PART);
        assert_eq!(share.at_once(), PART);
        pass(&share, 1);
        assert_eq!((share.at_once(), is_open(&share)), (LEAST, false));
        sibling.let_go(1);
        assert_eq!((share.at_once(), is_open(&share)), (PART, true));
    }

    #[test]
    fn what_is_read_is_held_once() {
        let all: Arc<Backlog> = Arc::default();
        let held = || all.0.load(Ordering::Relaxed);
        let share = Share::of(&all);
        share.read(1000);
        share.take(600);
        assert_eq!(held(), 1000, "400 are still ahead");
        share.read(0);
        assert_eq!(held(), 1000, "still");
        share.read(500);
        assert_eq!(held(), 1100, "they were framing");
        share.take(700);
        assert_eq!(held(), 1300, "200 came over HTTP/2");
        share.lend(1300);
        assert!(!share.is_sent());
        share.let_go(1300);
        assert!(share.is_sent());
        share.read(5);
        assert_eq!(held(), 5);
        drop(share);
        assert_eq!(held(), 0);
    }
}
