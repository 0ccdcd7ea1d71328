//! How often something is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The least time between two turns.
const LEAST: Duration = Duration::from_secs(1);

/// The most, before a third of it is added at random.
const MOST: Duration = Duration::from_secs(15);

/// Whoever took no turn for so long was doing well.
const QUIET: Duration = Duration::from_secs(60);

/// Gives turns: at once after a quiet time, then ever less often.
#[derive(Default)]
pub(crate) struct Pace {
    last: Option<Instant>,
    turns: u32,
}

impl Pace {
    /// Waits until it is time again.
    pub(crate) async fn turn(&mut self) {
        if let Some(last) = self.last {
            if last.elapsed() >= QUIET {
                self.turns = 0;
            }
            sleep_until(last + self.delay()).await;
        }
        self.last = Some(Instant::now());
        self.turns = self.turns.saturating_add(1);
    }

    /// Nobody was there: that cost nobody anything, and whoever comes back is to be noticed soon.
    pub(crate) fn in_vain(&mut self) {
        self.turns = self.turns.min(1);
    }

    fn delay(&self) -> Duration {
        let doubled = LEAST.saturating_mul(1 << self.turns.saturating_sub(1).min(10));
        let delay = doubled.min(MOST);
        delay + at_random(delay / 3)
    }
}

/// Any time up to `most`, so that replicas do not act at the same moment.
pub(crate) fn at_random(most: Duration) -> Duration {
    let share = RandomState::new().hash_one(()) % 1000;
    most.mul_f64(share as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_once_then_ever_later_up_to_a_bound() {
        let (mut pace, mut waited) = (Pace::default(), Vec::new());
        for _ in 0..8 {
            let before = Instant::now();
            pace.turn().await;
            waited.push(before.elapsed());
        }
        assert_eq!(waited[0], Duration::ZERO);
        assert!((LEAST..LEAST * 2).contains(&waited[1]), "{waited:?}");
        assert!(waited[2] > waited[1] && waited[3] > waited[2], "{waited:?}");
        assert!(waited.iter().all(|wait| *wait <= Duration::from_secs(21)));
        tokio::time::advance(QUIET).await;
        let before = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert!(before.elapsed() < LEAST * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_there_is_asked_again_soon() {
        let mut pace = Pace::default();
        for _ in 0..8 {
            let before = Instant::now();
            pace.turn().await;
            pace.in_vain();
            assert!(before.elapsed() < LEAST * 2);
        }
        // Whoever is back may be busy.
        pace.turn().await;
        let before = Instant::now();
        pace.turn().await;
        assert!(before.elapsed() >= LEAST * 2);
    }
}
