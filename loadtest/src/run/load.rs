//! Drives the connections of a run: who starts a request when, and when it is over.
//!
//! Without a rate every lane starts its next request when the last one ended. With a rate the
//! starts are fixed beforehand, and a latency counts from when its request should have started:
//! a proxy that stalls must not be spared the requests it kept from being made.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::client::Connection;
use super::failure::Failure;
use super::plan::Plan;
use super::tally::Tally;

/// The pause of a lane after a failure, so that a closed port is not hammered.
const PAUSE: Duration = Duration::from_millis(5);

/// Makes the load of `plan` and counts what comes of it.
pub(super) async fn make(plan: Arc<Plan>, schedule: Arc<Schedule>, tally: Arc<Mutex<Tally>>) {
    let mut lanes = JoinSet::new();
    for _ in 0..plan.connections {
        let connection = Arc::new(Connection::new(Arc::clone(&plan)));
        for _ in 0..plan.streams {
            let (schedule, tally) = (Arc::clone(&schedule), Arc::clone(&tally));
            lanes.spawn(lane(
                Arc::clone(&plan),
                Arc::clone(&connection),
                schedule,
                tally,
            ));
        }
    }
    while lanes.join_next().await.is_some() {}
}

async fn lane(
    plan: Arc<Plan>,
    connection: Arc<Connection>,
    schedule: Arc<Schedule>,
    tally: Arc<Mutex<Tally>>,
) {
    while let Some(start) = schedule.next().await {
        let outcome = timeout(plan.timeout, connection.request()).await;
        let outcome = outcome.unwrap_or(Err(Failure::TimedOut));
        let failed = outcome.is_err();
        tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count(start.elapsed(), outcome);
        if failed {
            sleep(PAUSE).await;
        }
    }
}

/// When requests start, and how many.
pub(super) struct Schedule {
    start: Instant,
    end: Option<Instant>,
    requests: u64,
    interval: Option<Duration>,
    taken: AtomicU64,
    stopped: AtomicBool,
}

impl Schedule {
    pub(super) fn new(plan: &Plan) -> Self {
        let start = Instant::now();
        Self {
            start,
            end: plan.duration.map(|duration| start + duration),
            requests: plan.requests,
            interval: plan.rate.map(|rate| Duration::from_secs(1) / rate),
            taken: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// How long the load has been made.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Starts no more requests; those that are under way end as they would.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits for the next start, and says from when its latency counts.
    async fn next(&self) -> Option<Instant> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if number >= self.requests || self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let now = Instant::now();
        let due = match self.interval {
            Some(interval) => self.start + interval.mul_f64(number as f64),
            None => now,
        };
        if self.end.is_some_and(|end| now.max(due) >= end) {
            return None;
        }
        if due <= now {
            return Some(due);
        }
        sleep_until(due).await;
        // The timer wakes up to a millisecond late, which is not the proxy's doing.
        Some(Instant::now())
    }
}
