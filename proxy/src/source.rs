//! Where the configuration comes from, and the one way in which it is put in place.
//!
//! A source yields deltas. Each is applied whole, compiled and swapped in with one pointer; what
//! cannot be compiled keeps its last good value and is named.

mod directory;
mod tree;

use std::sync::Arc;

use portreeve_table::{Config, Delta, Rejected};

pub(crate) use directory::{Directory, SourceError, run};

use crate::metrics::Metrics;
use crate::state::Current;

/// Takes deltas and puts them in place.
#[derive(Debug)]
pub(crate) struct Sink {
    current: Arc<Current>,
    metrics: Arc<Metrics>,
}

impl Sink {
    pub(crate) fn new(current: Arc<Current>, metrics: Arc<Metrics>) -> Self {
        Self { current, metrics }
    }

    /// Makes `config` the running configuration.
    ///
    /// Returns what could not be compiled; everything else is served.
    pub(crate) fn offer(&self, config: &Config) -> Vec<Rejected> {
        let before = self.current.load();
        let delta = Delta::between(&before.config.have(), config);
        if delta.is_empty() && before.number > 0 {
            return Vec::new();
        }
        let config = before.config.clone().apply(delta);
        let (generation, rejected) = before.next(config, &self.metrics);
        self.metrics.taken(rejected.is_empty());
        self.current.store(generation);
        drop(before);
        self.metrics.forget_gone();
        rejected
    }
}
