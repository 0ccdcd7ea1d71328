//! What is counted of reviews.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::refusal::Refusal;
use crate::verdict::{Kind, Verdict};

/// The counts of this process.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    verdicts: [AtomicU64; Kind::ALL.len()],
    refusals: [AtomicU64; Refusal::ALL.len()],
    warnings: AtomicU64,
    micros: AtomicU64,
}

impl Counts {
    /// A review came to this, in that time.
    pub(crate) fn reviewed(&self, verdict: &Verdict, took: Duration) {
        add(self.verdicts.get(verdict.kind() as usize), 1);
        add(Some(&self.warnings), verdict.warnings().count() as u64);
        let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
        add(Some(&self.micros), micros);
    }

    /// A request was not reviewed.
    pub(crate) fn refused(&self, refusal: Refusal) {
        add(self.refusals.get(refusal as usize), 1);
    }

    pub(crate) fn verdicts(&self, kind: Kind) -> u64 {
        read(self.verdicts.get(kind as usize))
    }

    pub(crate) fn refusals(&self, refusal: Refusal) -> u64 {
        read(self.refusals.get(refusal as usize))
    }

    pub(crate) fn warnings(&self) -> u64 {
        read(Some(&self.warnings))
    }

    /// How long all reviews took together, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        read(Some(&self.micros)) as f64 / 1e6
    }
}

fn add(counter: Option<&AtomicU64>, number: u64) {
    if let Some(counter) = counter {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

fn read(counter: Option<&AtomicU64>) -> u64 {
    counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
}
