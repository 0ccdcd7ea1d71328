//! A pause that never grows.

use std::time::Duration;

use kube::runtime::utils::Backoff;

use super::RETRY;

/// The pause after which a watch that failed is begun again, however often: whoever stops the API
/// server for a test should not wait for the kubelet afterwards.
pub(crate) struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(RETRY)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}
