//! How much of one response an endpoint may send over HTTP/2 before we have read it.
//!
//! What an endpoint may send has to be kept when it comes, whether or not the client takes it. A
//! stream's window cannot be changed while it is open, so which one it has is decided before the
//! request is sent: connections to endpoints differ by it (`upstream/shared.rs`).

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stall::PIECE;

/// A window that we give an endpoint for each of a connection's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    /// For who downloads a few large things at a time: 64 MB/s over a millisecond.
    Wide,
    /// For some more: a whole frame, because who sends frames would cut them otherwise.
    Middle,
    /// For as many as there may be.
    Narrow,
}

impl Window {
    /// In bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Wide => 64 * 1024,
            Self::Middle => PIECE,
            Self::Narrow => 3 * 1024,
        }
    }

    /// How many streams of one client's connection may have it at a time.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Wide => 2,
            Self::Middle => 9,
            Self::Narrow => usize::MAX,
        }
    }

    /// How much can come in one frame, in bytes.
    pub(crate) const fn frame(self) -> usize {
        let bytes = self.bytes();
        if bytes < PIECE { bytes } else { PIECE }
    }
}

/// How many streams of a client's connection have which window.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    wide: AtomicUsize,
    middle: AtomicUsize,
}

impl Windows {
    /// A window for one more stream: a wide one while there are few.
    ///
    /// Among more, a wide one that has become free is given last: what shares a connection to an
    /// endpoint costs less.
    pub(crate) fn take(&self) -> Window {
        let wide = self.wide.load(Ordering::Relaxed);
        let middle = self.middle.load(Ordering::Relaxed);
        if wide + middle < Window::Wide.count() {
            self.wide.store(wide + 1, Ordering::Relaxed);
            Window::Wide
        } else if middle < Window::Middle.count() {
            self.middle.store(middle + 1, Ordering::Relaxed);
            Window::Middle
        } else if wide < Window::Wide.count() {
            self.wide.store(wide + 1, Ordering::Relaxed);
            Window::Wide
        } else {
            Window::Narrow
        }
    }

    /// A stream that had this window has ended.
    pub(crate) fn give_back(&self, window: Window) {
        let taken = match window {
            Window::Wide => &self.wide,
            Window::Middle => &self.middle,
            Window::Narrow => return,
        };
        taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_streams_have_the_widest_windows() {
        let windows = Windows::default();
        let taken: Vec<_> = (0..13).map(|_| windows.take()).collect();
        let (wide, rest) = taken.split_at(2);
        assert_eq!(wide, [Window::Wide; 2]);
        let (middle, narrow) = rest.split_at(9);
        assert_eq!(middle, [Window::Middle; 9]);
        assert_eq!(narrow, [Window::Narrow; 2]);
        for window in taken {
            windows.give_back(window);
        }
        assert_eq!(windows.take(), Window::Wide, "again");
    }

    #[test]
    fn among_more_streams_a_wide_window_is_given_last() {
        let windows = Windows::default();
        for _ in 0..10 {
            windows.take();
        }
        windows.give_back(Window::Wide);
        assert_eq!(windows.take(), Window::Middle);
        assert_eq!(windows.take(), Window::Wide);
        assert_eq!(windows.take(), Window::Narrow);
    }
}
