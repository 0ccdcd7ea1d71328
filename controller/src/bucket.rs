//! How often something may be done: a burst, and then at a rate.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket of tokens that fills up by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// How long one token takes to come.
    every: Duration,
    /// How many there are room for.
    burst: u32,
    /// When it is, or was, full.
    full: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(every: Duration, burst: u32, now: Instant) -> Self {
        Self {
            every,
            burst,
            full: now,
        }
    }

    /// When there is a token.
    pub(crate) fn ready(&self) -> Instant {
        let room = self.every * self.burst.saturating_sub(1);
        self.full.checked_sub(room).unwrap_or(self.full)
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let is_ready = self.ready() <= now;
        if is_ready {
            self.full = self.full.max(now) + self.every;
        }
        is_ready
    }

    /// Whether it has forgotten everything.
    pub(crate) fn is_full(&self, now: Instant) -> bool {
        self.full <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let mut bucket = Bucket::new(seconds(10), 3, start);
        for (at, taken) in [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (9, false),
            (10, true),
            (10, false),
            (25, true),
            (39, true),
            (40, true),
            (40, false),
        ] {
            assert_eq!(bucket.take(start + seconds(at)), taken, "{at}");
        }
        assert_eq!(bucket.ready(), start + seconds(50));
        assert!(!bucket.is_full(start + seconds(69)));
        assert!(bucket.is_full(start + seconds(70)));
    }
}
