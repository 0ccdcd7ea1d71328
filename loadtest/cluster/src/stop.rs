//! The signals that end a command.

use tokio::signal::unix::{Signal, SignalKind, signal};

use portreeve_cluster::ClusterError;

/// SIGINT and SIGTERM, from the moment this is made.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn new() -> Result<Self, ClusterError> {
        let on = |kind| {
            signal(kind)
                .map_err(|error| ClusterError::State(format!("cannot wait for signals: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    /// Waits for either.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
