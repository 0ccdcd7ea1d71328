//! What is held of an HTTP/2 connection's responses because its client does not take it.
//!
//! Every stream may have some bytes on their way, or else a client that takes them would wait for
//! one that does not. What all may have beyond that is limited, so that a hundred streams that
//! nobody reads cost no more than a few that are read. A stream waits for nothing but its own
//! bytes to be sent: no other stream can keep it from going on.
//!
//! Bytes are held from when they are read from an endpoint until h2 has sent them. What an endpoint
//! sends over HTTP/2 is held from when we take it, a frame at a time; what it may send before that
//! is its window, which is set aside for as long as the stream lives, because it may lie unread.
//! Bytes are counted and not the buffers that they lie in, which hyper makes larger.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::serve::MAX_STREAMS;
use crate::stall::PIECE;
use crate::window::{Window, Windows};

/// What may be held of all responses of a connection, in bytes.
const MAX: usize = 1 << 20;
/// What is read at once of a stream's response when nothing is free.
const LEAST: usize = 2 * 1024;
/// How much a stream may have when nothing is free, in such reads: one with h2, one that hyper
/// keeps for us, and one of which it gives us one chunk after the other.
const READS: usize = 3;
/// What any stream may have of its own, from wherever its response comes.
const OWN: usize = READS * LEAST;
/// What is free is not given in smaller parts, which would be hardly more than frames' heads.
const PART: usize = 8 * 1024;
/// What a connection's streams share beside their own: the first to come takes it. A frame may be
/// larger than the part that was free for it.
const FREE: usize = MAX - MAX_STREAMS as usize * OWN - (PIECE - PART);
/// What of that goes to the streams whose windows are not narrow.
const WINDOWS: usize = beyond_own(Window::Wide) + beyond_own(Window::Middle);

const _: () = assert!(Window::Narrow.bytes() + Window::Narrow.frame() <= OWN);
/// A stream that is read has enough of what is left: a frame that is being written and the next.
const _: () = assert!(WINDOWS + 2 * PIECE <= FREE);

const fn beyond_own(window: Window) -> usize {
    window.count() * (window.bytes() + window.frame() - OWN)
}

/// What is held of all responses of a connection.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// How much it is beyond what streams may have of their own, in bytes.
    shared: AtomicUsize,
    windows: Windows,
    /// Whether windows are set aside, which happens once: most connections need none, and one that
    /// does will again.
    has_windows: AtomicBool,
}

impl Backlog {
    /// What any stream may take.
    fn free(&self) -> Option<usize> {
        let free = FREE.saturating_sub(self.shared.load(Ordering::Relaxed));
        Some(free).filter(|free| *free >= PART)
    }

    /// A window for one more stream: a narrow one as long as nothing can be set aside.
    fn window(&self) -> Window {
        if !self.has_windows.load(Ordering::Relaxed) {
            if self.shared.load(Ordering::Relaxed) + WINDOWS > FREE {
                return Window::Narrow;
            }
            self.shared.fetch_add(WINDOWS, Ordering::Relaxed);
            self.has_windows.store(true, Ordering::Relaxed);
        }
        self.windows.take()
    }
}

/// What is held of one of them.
#[derive(Debug)]
pub(crate) struct Share {
    all: Arc<Backlog>,
    /// What was read last and not taken yet.
    ahead: AtomicUsize,
    /// What h2 has.
    lent: AtomicUsize,
    /// What is held: ahead, taken and not given to h2 yet, or lent.
    held: AtomicUsize,
    /// What of that is shared.
    shared: AtomicUsize,
    /// How much its endpoint may send, if it speaks HTTP/2.
    window: OnceLock<Window>,
    waiting: Mutex<Option<Waker>>,
}

impl Share {
    pub(crate) fn of(all: &Arc<Backlog>) -> Self {
        Self {
            all: Arc::clone(all),
            ahead: AtomicUsize::new(0),
            lent: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            shared: AtomicUsize::new(0),
            window: OnceLock::new(),
            waiting: Mutex::default(),
        }
    }

    /// How much an endpoint may send over HTTP/2 before it is taken; of all that are asked one
    /// after the other the same.
    pub(crate) fn window(&self) -> Window {
        *self.window.get_or_init(|| self.all.window())
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
        self.hold(bytes, before);
    }

    /// Whether more may be taken.
    fn is_open(&self) -> bool {
        self.all.free().is_some() || self.is_sent()
    }

    /// Ready when more may be taken; until then, the task is woken when something was sent and more
    /// may be.
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
        self.hold(bytes.saturating_sub(ahead), 0);
    }

    /// h2 is given a part of what was taken.
    pub(crate) fn lend(&self, bytes: usize) {
        self.lent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Holds no longer what h2 has sent.
    pub(crate) fn let_go(&self, bytes: usize) {
        self.lent.fetch_sub(bytes, Ordering::Relaxed);
        self.hold(0, bytes);
        if !self.is_open() {
            return;
        }
        // h2 may be locked now: whoever is woken must not run before it is not.
        let waiting = self.waiting().take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether h2 has sent all it was given.
    pub(crate) fn is_sent(&self) -> bool {
        self.lent.load(Ordering::Relaxed) == 0
    }

    /// What it may have before it takes of what is shared.
    fn own(&self) -> usize {
        self.window.get().map_or(OWN, |window| window.frame())
    }

    /// Holds so much more, then so much less.
    fn hold(&self, more: usize, less: usize) {
        let held = (self.held.load(Ordering::Relaxed) + more).saturating_sub(less);
        self.held.store(held, Ordering::Relaxed);
        let shared = held.saturating_sub(self.own());
        let before = self.shared.load(Ordering::Relaxed);
        if shared != before {
            self.shared.store(shared, Ordering::Relaxed);
            let more = shared.wrapping_sub(before);
            self.all.shared.fetch_add(more, Ordering::Relaxed);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    /// What was never handed on goes with its stream, and so does its window: not before h2 has
    /// sent all, because what it has may be a frame that only a wide one allows for.
    fn drop(&mut self) {
        let shared = *self.shared.get_mut();
        self.all.shared.fetch_sub(shared, Ordering::Relaxed);
        if let Some(window) = self.window.get() {
            self.all.windows.give_back(*window);
        }
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

    fn held(share: &Share) -> usize {
        share.held.load(Ordering::Relaxed)
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
        assert!(shares.iter().all(|share| !is_open(share)));
        let held: usize = shares.iter().map(held).sum();
        assert!((FREE - PART..=MAX).contains(&held), "{held}");
        for share in &shares {
            share.let_go(share.lent.load(Ordering::Relaxed));
        }
        assert!(shares.iter().all(is_open));
        drop(shares);
        assert_eq!(all.shared.load(Ordering::Relaxed), 0);
    }

    /// Takes a frame of an endpoint that fills its window, so that it may send as much again.
    fn pass_frame(share: &Share) -> usize {
        let frame = share.window().frame();
        pass(share, frame);
        frame
    }

    #[test]
    fn a_hundred_windows_that_nobody_reads_hold_no_more_than_1_mib() {
        let all: Arc<Backlog> = Arc::default();
        let shares: Vec<_> = (0..MAX_STREAMS).map(|_| Share::of(&all)).collect();
        let windows = shares.iter().map(|share| share.window().bytes());
        let mut sent: usize = windows.sum();
        // The first takes what is shared, all others a frame of their own.
        for share in &shares {
            while is_open(share) {
                sent += pass_frame(share);
            }
        }
        assert!(shares.iter().all(|share| !is_open(share)));
        assert!((MAX - 4 * PIECE..=MAX).contains(&sent), "{sent}");
    }

    /// A response that has ended lies with h2 for as long as its client does not take it.
    #[test]
    fn what_was_taken_through_a_wide_window_keeps_it() {
        let all: Arc<Backlog> = Arc::default();
        let [first, second] = [Share::of(&all), Share::of(&all)];
        assert_eq!([first.window(), second.window()], [Window::Wide; 2]);
        pass_frame(&first);
        assert_eq!(Share::of(&all).window(), Window::Middle);
        first.let_go(PIECE);
        drop(first);
        assert_eq!(Share::of(&all).window(), Window::Wide);
    }

    #[test]
    fn nothing_is_set_aside_that_others_hold() {
        let all: Arc<Backlog> = Arc::default();
        let [stuck, first, second] = [Share::of(&all), Share::of(&all), Share::of(&all)];
        pass(&stuck, OWN + FREE - WINDOWS + 1);
        assert_eq!(first.window(), Window::Narrow);
        stuck.let_go(1);
        assert_eq!(first.window(), Window::Narrow, "as it was");
        assert_eq!(second.window(), Window::Wide);
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
    fn who_waits_is_woken_when_more_may_be_taken() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        let woken = Arc::new(Woken::default());
        let waker = Arc::clone(&woken).into();
        let is_open = || {
            let cx = &mut Context::from_waker(&waker);
            share.poll_open(cx).is_ready()
        };
        let count = || woken.0.load(Ordering::Relaxed);
        pass(&sibling, OWN + FREE);
        pass(&share, LEAST);
        assert!(!is_open());
        assert!(!is_open());
        share.let_go(1);
        assert_eq!((count(), is_open()), (0, false), "not all of it");
        share.let_go(LEAST - 1);
        assert_eq!((count(), is_open()), (1, true));
        share.let_go(0);
        assert_eq!(count(), 1, "nobody waits");
    }

    #[test]
    fn nothing_is_read_in_crumbs() {
        let all = Arc::default();
        let (share, sibling) = (Share::of(&all), Share::of(&all));
        pass(&sibling, OWN + FREE - PART);
        assert_eq!(share.at_once(), PART);
        pass(&share, OWN + 1);
        assert_eq!((share.at_once(), is_open(&share)), (LEAST, false));
        sibling.let_go(1);
        assert_eq!((share.at_once(), is_open(&share)), (PART, true));
    }

    #[test]
    fn what_is_read_is_held_once() {
        let all: Arc<Backlog> = Arc::default();
        let share = Share::of(&all);
        let held = || held(&share);
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
    }
}
