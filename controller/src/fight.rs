//! Two who write the same: each writes what it thinks is right as soon as the other has.
//!
//! Nobody wins, DNS flaps where it is a status, and the API server carries the load. Who notices
//! gives in for a while.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How often something is written again before it is a fight, and within which time.
const FIGHT: (usize, Duration) = (5, Duration::from_secs(600));

/// How often something is written in a fight; a fight is over when nothing has to be for as long.
const TRUCE: Duration = Duration::from_secs(600);

/// How often one thing had to be written again.
#[derive(Debug, Default)]
pub(crate) struct Fight {
    rewrites: VecDeque<Instant>,
    truce: Option<Instant>,
}

impl Fight {
    /// The same was written again; says whether it is a fight from now on.
    pub(crate) fn rewritten(&mut self, now: Instant) -> bool {
        if self.truce.is_some() {
            self.truce = Some(now + TRUCE);
            return false;
        }
        self.rewrites.push_back(now);
        while self
            .rewrites
            .front()
            .is_some_and(|first| *first + FIGHT.1 <= now)
        {
            self.rewrites.pop_front();
        }
        let begins = self.rewrites.len() >= FIGHT.0;
        if begins {
            self.truce = Some(now + TRUCE);
        }
        begins
    }

    /// Until when nothing is written.
    pub(crate) fn truce(&self) -> Option<Instant> {
        self.truce
    }

    /// Nothing has to be written now; says whether a fight is over with that.
    pub(crate) fn is_settled(&mut self, now: Instant) -> bool {
        let is_over = self.truce.is_some_and(|truce| truce <= now);
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_times_in_ten_minutes_is_a_fight_and_less_is_not() {
        let (start, minutes) = (Instant::now(), |n: u64| Duration::from_secs(60 * n));
        let mut rare = Fight::default();
        assert!((0..20).all(|n| !rare.rewritten(start + minutes(3 * n))));

        let mut fight = Fight::default();
        let begins: Vec<_> = (0..5)
            .map(|n| fight.rewritten(start + minutes(n)))
            .collect();
        assert_eq!(begins, [false, false, false, false, true]);
        assert_eq!(fight.truce(), Some(start + minutes(14)));
        // Once more after the truce, which is only longer for it.
        assert!(!fight.rewritten(start + minutes(14)));
        assert!(!fight.is_settled(start + minutes(23)));
        assert!(fight.is_settled(start + minutes(24)));
        assert_eq!(fight.truce(), None);
    }
}
