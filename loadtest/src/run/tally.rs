//! What came of the requests of a run: counts, kinds of failure, latencies.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

use super::failure::Failure;

/// Latencies are kept up to an hour, in microseconds, with three digits.
const LONGEST_US: u64 = 3_600_000_000;

/// What came of the requests so far.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) failures: BTreeMap<String, u64>,
    pub(super) latency_us: Histogram<u64>,
}

impl Tally {
    /// Nothing counted yet.
    pub(super) fn new() -> Result<Self, CreationError> {
        Ok(Self {
            requests: 0,
            bytes: 0,
            failures: BTreeMap::new(),
            latency_us: Histogram::new_with_bounds(1, LONGEST_US, 3)?,
        })
    }

    /// Counts a request that took `latency` and brought `bytes` of body, or failed.
    pub(super) fn count(&mut self, latency: Duration, outcome: Result<u64, Failure>) {
        self.requests += 1;
        match outcome {
            Ok(bytes) => {
                self.bytes += bytes;
                let us = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
                self.latency_us.saturating_record(us.max(1));
            }
            Err(failure) => *self.failures.entry(failure.to_string()).or_default() += 1,
        }
    }
}
