//! Time as a worker sees it: coarse, read without a system call, and timers that cost one store.
//!
//! A connection has a timer for as long as it lives and arms it again and again; nothing is put
//! into a wheel or taken out of one for a request.
//! One sweep every [`TICK`] wakes the tasks whose timers have expired, so a timeout may come that
//! much late and never early.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

/// How often timers are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// A worker's clock and the timers that hang on it.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Milliseconds since `start`, as of the last tick.
    now: AtomicU64,
    timers: Mutex<Vec<Weak<Timer>>>,
}

/// A timer that is armed, expires once, and can be armed again.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Arc<Clock>,
    /// When it expires, in the clock's milliseconds; [`NEVER`] when it is not armed.
    expires: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

const NEVER: u64 = u64::MAX;

impl Clock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            now: AtomicU64::new(0),
            timers: Mutex::default(),
        })
    }

    /// Milliseconds since this clock was made, as of the last tick.
    pub(crate) fn now_millis(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// A timer that is not armed.
    pub(crate) fn timer(self: &Arc<Self>) -> Arc<Timer> {
        let timer = Arc::new(Timer {
            clock: Arc::clone(self),
            expires: AtomicU64::new(NEVER),
            waker: Mutex::default(),
        });
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        timers.push(Arc::downgrade(&timer));
        timer
    }

    /// Moves time on and wakes whose time has come.
    pub(crate) fn tick(&self) {
        let now = self.start.elapsed().as_millis() as u64;
        self.now.store(now, Ordering::Relaxed);
        self.sweep(|timer| timer.expires.load(Ordering::Relaxed) <= now);
    }

    /// Wakes every task that waits for a timer, so that it looks at the world again.
    pub(crate) fn wake_all(&self) {
        self.sweep(|_| true);
    }

    fn sweep(&self, is_due: impl Fn(&Timer) -> bool) {
        let mut due = Vec::new();
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        timers.retain(|timer| {
            let timer = timer.upgrade();
            due.extend(timer.iter().filter(|timer| is_due(timer)).cloned());
            timer.is_some()
        });
        drop(timers);
        due.iter().for_each(|timer| timer.wake());
    }
}

impl Timer {
    /// Lets it expire after `wait`, whatever it was armed for before.
    pub(crate) fn arm(&self, wait: Duration) {
        // The clock may be up to a tick behind: adding one keeps it from expiring early.
        let wait = wait.saturating_add(TICK).as_millis() as u64;
        self.arm_until(self.clock.now_millis().saturating_add(wait));
    }

    /// Lets it expire at a time, in the clock's milliseconds.
    pub(crate) fn arm_until(&self, expires: u64) {
        self.expires.store(expires, Ordering::Relaxed);
    }

    /// The clock's time.
    pub(crate) fn now_millis(&self) -> u64 {
        self.clock.now_millis()
    }

    /// Lets it expire after `wait`, unless it was armed before: for what began once and goes on.
    pub(crate) fn arm_once(&self, wait: Duration) {
        if self.expires.load(Ordering::Relaxed) == NEVER {
            self.arm(wait);
        }
    }

    /// Keeps it from expiring.
    pub(crate) fn disarm(&self) {
        self.expires.store(NEVER, Ordering::Relaxed);
    }

    /// Whether it has expired.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires.load(Ordering::Relaxed) <= self.clock.now_millis()
    }

    /// Ready once it has expired; until then the task is woken when it does, or is asked to look.
    pub(crate) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_expired() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&self) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    async fn ticking(clock: &Clock, millis: u64) {
        for _ in 0..millis / 50 {
            tokio::time::advance(Duration::from_millis(50)).await;
            clock.tick();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_expires_when_armed_and_never_early() {
        let clock = Clock::new();
        let timer = clock.timer();
        ticking(&clock, 10_000).await;
        assert!(!timer.is_expired(), "not armed");
        timer.arm(Duration::from_secs(1));
        ticking(&clock, 1000).await;
        assert!(!timer.is_expired(), "not early");
        ticking(&clock, 200).await;
        assert!(timer.is_expired());
        timer.arm(Duration::from_secs(1));
        assert!(!timer.is_expired(), "armed again");
        timer.disarm();
        ticking(&clock, 5000).await;
        assert!(!timer.is_expired());
        timer.arm_once(Duration::from_secs(1));
        ticking(&clock, 1000).await;
        timer.arm_once(Duration::from_secs(1));
        ticking(&clock, 200).await;
        assert!(timer.is_expired(), "armed once and not again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_waiting_task_is_woken() {
        let clock = Clock::new();
        let timer = clock.timer();
        timer.arm(Duration::from_secs(1));
        let waiting = tokio::spawn({
            let timer = Arc::clone(&timer);
            async move { poll_fn(|cx| timer.poll_expired(cx)).await }
        });
        ticking(&clock, 2000).await;
        waiting.await.unwrap();
    }

    #[test]
    fn a_dropped_timer_is_forgotten() {
        let clock = Clock::new();
        drop(clock.timer());
        clock.tick();
        assert_eq!(clock.timers.lock().unwrap().len(), 0);
    }
}
