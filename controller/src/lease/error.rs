//! Why a Lease was not written.

use std::time::Duration;

use crate::refusal::{is_conflict, refusal};

/// Why a Lease was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The API server said no.
    #[error("Lease {lease}: {}; {}", refusal(error), hint(error))]
    Api {
        /// Namespace and name.
        lease: String,
        /// What it said, or why it could not be asked.
        error: kube::Error,
    },
    /// The API server said nothing.
    #[error(
        "Lease {lease}: no answer in {} ms; if the API server stays silent, nobody leads",
        waited.as_millis()
    )]
    Timeout {
        /// Namespace and name.
        lease: String,
        /// How long it had.
        waited: Duration,
    },
}

impl LeaseError {
    /// Whether somebody else wrote at the same time, which is how an election is lost.
    pub(super) fn is_lost_race(&self) -> bool {
        matches!(self, Self::Api { error, .. } if is_conflict(error))
    }
}

/// What to do about it.
fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to get, create and update leases of coordination.k8s.io"
        }
        kube::Error::Api(status) if status.is_not_found() => {
            "if it was deleted, it is made again; else see that the namespace exists (--namespace)"
        }
        kube::Error::Api(_) => "it is tried again",
        _ => "see that the API server can be reached; it is tried again",
    }
}
