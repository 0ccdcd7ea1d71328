//! How long to wait between attempts, so that neither a controller nor the log is flooded.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The shortest and the longest time between two rounds that came to nothing.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));
/// The longest time after a session that stood: there is a controller, and it is worth being asked.
const BRISK: Duration = Duration::from_millis(500);
/// How long a session stands that was no mere moment between two failures.
const SETTLED: Duration = Duration::from_secs(5);

/// How long to wait next.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: WAIT.0 }
    }

    /// Before each attempt: proxies that lose one controller do not all come to the next at once.
    pub(super) fn apart() -> Duration {
        about(WAIT.0)
    }

    /// After a round in which nobody could be followed.
    pub(super) fn failed(&mut self) -> Duration {
        about(self.grow(WAIT.1))
    }

    /// After a session that was up to date for so long.
    pub(super) fn stood(&mut self, lasted: Duration) -> Duration {
        if lasted >= SETTLED {
            self.next = WAIT.0;
        }
        about(self.grow(BRISK))
    }

    fn grow(&mut self, most: Duration) -> Duration {
        let wait = self.next.min(most);
        self.next = (wait * 2).min(most);
        wait
    }
}

/// Between half of it and all of it: chance keeps proxies from coming all at once.
fn about(wait: Duration) -> Duration {
    let thousandths = RandomState::new().hash_one(()) % 1000;
    let thousandths = u32::try_from(thousandths).unwrap_or_default();
    wait / 2 + wait / 2 * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(wait: Duration, millis: u64) -> bool {
        let full = Duration::from_millis(millis);
        (full / 2..=full).contains(&wait)
    }

    #[test]
    fn who_cannot_be_followed_is_asked_ever_less_often() {
        let mut backoff = Backoff::new();
        for expected in [100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000] {
            assert!(is_about(backoff.failed(), expected), "{expected}");
        }
        assert!(is_about(backoff.stood(SETTLED), 100), "a sound session");
        assert!(is_about(backoff.failed(), 200));
    }

    #[test]
    fn who_comes_and_goes_is_followed_soon_but_never_in_a_flood() {
        let mut backoff = Backoff::new();
        for expected in [100, 200, 400, 500, 500, 500] {
            assert!(is_about(backoff.stood(Duration::ZERO), expected));
        }
        for _ in 0..10 {
            backoff.failed();
        }
        assert!(is_about(backoff.stood(Duration::ZERO), 500));
    }

    #[test]
    fn chance_decides() {
        let waits: std::collections::BTreeSet<_> = (0..50).map(|_| Backoff::apart()).collect();
        assert!(waits.len() > 5, "{waits:?}");
    }
}
