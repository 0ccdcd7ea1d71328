//! Waiting for what is to happen, by asking whether it has.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

/// How often it is asked: the machine has others to serve.
const PAUSE: Duration = Duration::from_millis(20);

/// How long anything may take that has no limit of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until it is so, and says how long that took.
pub(crate) async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) -> Duration {
    within(PATIENCE, what, is_so).await
}

/// The same, and it fails if that takes longer than `most`.
pub(crate) async fn within(
    most: Duration,
    what: &str,
    mut is_so: impl AsyncFnMut() -> bool,
) -> Duration {
    let start = Instant::now();
    let mut ask = interval(PAUSE);
    ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ask.tick().await;
        let asked = start.elapsed();
        if is_so().await {
            return start.elapsed();
        }
        assert!(asked < most, "not within {most:?}: {what}");
    }
}
