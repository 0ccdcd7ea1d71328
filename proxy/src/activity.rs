//! What a client's connection is doing, and how long it may go on doing it.
//!
//! One connection has one of these; its IO, its requests and its driver all look at it.
//! It is the only place where the limits on a client's time are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::options::Options;
use crate::timer::{Clock, TICK, Timer};

/// How long a client may take for what; each is for one gap.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// From the accept to the end of the TLS handshake, or to the first bytes.
    pub(crate) handshake: Duration,
    /// From a request's first byte to the end of its head.
    pub(crate) head: Duration,
    /// Between two reads of a request's body.
    pub(crate) body: Duration,
    /// Between two writes that make progress.
    pub(crate) write: Duration,
    /// Without a request.
    pub(crate) idle: Duration,
}

impl From<&Options> for Patience {
    fn from(options: &Options) -> Self {
        Self {
            handshake: options.handshake_timeout,
            head: options.client_header_timeout,
            body: options.client_body_timeout,
            write: options.client_send_timeout,
            idle: options.keep_alive_timeout,
        }
    }
}

/// What an HTTP/1 connection is doing between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing has come yet.
    Idle,
    /// A head has begun and not ended.
    Head,
    /// At least one request is being served.
    Busy,
}

/// The state of one client connection.
#[derive(Debug)]
pub(crate) struct Activity {
    patience: Patience,
    /// Idle and head timeouts.
    pub(crate) reading: Arc<Timer>,
    /// Armed while a write makes no progress.
    pub(crate) writing: Arc<Timer>,
    /// When the client's connection last took nothing more, in the clock's milliseconds.
    full_at: AtomicU64,
    head_started: AtomicU8,
    in_flight: AtomicU32,
    /// Whether bytes of the client may still be coming that nobody will read.
    unread: AtomicBool,
    head_timed_out: AtomicBool,
}

impl Activity {
    pub(crate) fn new(clock: &Arc<Clock>, patience: &Patience) -> Arc<Self> {
        let reading = clock.timer();
        reading.arm(patience.idle);
        Arc::new(Self {
            patience: patience.clone(),
            reading,
            writing: clock.timer(),
            full_at: AtomicU64::new(clock.now_millis()),
            head_started: AtomicU8::new(0),
            in_flight: AtomicU32::new(0),
            unread: AtomicBool::new(false),
            head_timed_out: AtomicBool::new(false),
        })
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    pub(crate) fn phase(&self) -> Phase {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            Phase::Busy
        } else if self.head_started.load(Ordering::Relaxed) > 0 {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    /// The first byte of a head has come.
    pub(crate) fn head_begins(&self) {
        self.head_started.store(1, Ordering::Relaxed);
        self.reading.arm(self.patience.head);
    }

    /// A request's head is complete. Says whether the connection has just become busy.
    pub(crate) fn request_begins(&self) -> bool {
        self.head_started.store(0, Ordering::Relaxed);
        self.all_read();
        self.reading.disarm();
        self.in_flight.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// A request's response has been written or given up. Says whether the connection has just
    /// become idle.
    pub(crate) fn request_ends(&self) -> bool {
        let was_last = self.in_flight.fetch_sub(1, Ordering::Relaxed) == 1;
        if was_last {
            self.reading.arm(self.patience.idle);
        }
        was_last
    }

    /// A write made no progress: however often one is tried, time runs from the first that the
    /// client did not take.
    pub(crate) fn write_stalls(&self) {
        self.writing.arm_once(self.patience.write);
        self.full_at
            .store(self.writing.now_millis(), Ordering::Relaxed);
    }

    /// When that happened last.
    pub(crate) fn full_at(&self) -> u64 {
        self.full_at.load(Ordering::Relaxed)
    }

    /// When a client has had its time to take what it was given at `since`; both in the clock's
    /// milliseconds, which may be a tick late.
    pub(crate) fn write_deadline(&self, since: u64) -> u64 {
        let patience = self.patience.write.saturating_add(TICK);
        since.saturating_add(patience.as_millis() as u64)
    }

    /// A head did not come to its end in time.
    pub(crate) fn head_times_out(&self) {
        self.leave_unread();
        self.head_timed_out.store(true, Ordering::Relaxed);
    }

    /// Whether that happened.
    pub(crate) fn has_head_timed_out(&self) -> bool {
        self.head_timed_out.load(Ordering::Relaxed)
    }

    /// The response will be sent before the request was read to its end.
    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// The request has been read to its end after all.
    pub(crate) fn all_read(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether a close must linger, so that the kernel does not throw the response away.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }
}
