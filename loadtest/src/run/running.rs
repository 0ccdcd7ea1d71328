//! A load that is being made, for those who do something else meanwhile and then stop it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::load::{self, Schedule};
use super::tally::Tally;
use super::{Options, Report, RunError};
use crate::cpu;

/// A load that is being made. Dropping it does not stop it.
pub struct Running {
    schedule: Arc<Schedule>,
    tally: Arc<Mutex<Tally>>,
    lanes: JoinHandle<()>,
    pids: Vec<u32>,
    cpu_before: Duration,
}

impl Running {
    /// Begins the load that `options` describe.
    ///
    /// # Errors
    /// When they do not describe one.
    pub fn start(options: &Options) -> Result<Self, RunError> {
        let plan = Arc::new(options.plan()?);
        let tally = Arc::new(Mutex::new(Tally::new()?));
        let cpu_before = cpu::of(&options.pid)?;
        let schedule = Arc::new(Schedule::new(&plan));
        let lanes = load::make(plan, Arc::clone(&schedule), Arc::clone(&tally));
        Ok(Self {
            lanes: tokio::spawn(lanes),
            schedule,
            tally,
            pids: options.pid.clone(),
            cpu_before,
        })
    }

    /// How many requests have ended, well or not.
    pub fn requests(&self) -> u64 {
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.requests
    }

    /// Starts no more requests, and waits for those that are under way.
    ///
    /// # Errors
    /// When the process that is watched is gone.
    pub async fn stop(self) -> Result<Report, RunError> {
        self.schedule.stop();
        self.end().await
    }

    /// Waits until all requests have been made, but starts no more after `stop`.
    ///
    /// # Errors
    /// When the process that is watched is gone.
    pub async fn end_unless(self, stop: impl Future<Output = ()>) -> Result<Report, RunError> {
        let schedule = Arc::clone(&self.schedule);
        let stopping = async {
            stop.await;
            schedule.stop();
            pending::<Infallible>().await
        };
        tokio::select! {
            report = self.end() => report,
            never = stopping => match never {},
        }
    }

    /// Waits until all requests have been made.
    ///
    /// # Errors
    /// When the process that is watched is gone.
    pub async fn end(self) -> Result<Report, RunError> {
        // A lane that panicked has said so, and what it did not do is not counted.
        let _ = self.lanes.await;
        let elapsed = self.schedule.elapsed();
        let used = cpu::of(&self.pids)?.saturating_sub(self.cpu_before);
        let cpu = (!self.pids.is_empty()).then_some(used);
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Report::new(&tally, elapsed, cpu))
    }
}
