//! What the API server says to a write.

use std::time::Duration;

use k8s_openapi::api::networking::v1::{Ingress, IngressLoadBalancerIngress};

use super::address;
use crate::refusal::{other_manager, refusal};

/// The status as it is after a write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The version of the Ingress with it.
    pub(super) version: Box<str>,
    /// What it says, in our order.
    pub(super) addresses: Vec<IngressLoadBalancerIngress>,
    /// Who had written something else before, if anybody had.
    pub(super) taken_from: Option<Box<str>>,
}

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The API server said no, or could not be asked.
    #[error("{}; {}", refusal(error), hint(error))]
    Api {
        /// What it said.
        #[from]
        error: kube::Error,
    },
    /// The API server said nothing.
    #[error("no answer in {} s; it is tried again", .0.as_secs())]
    Timeout(Duration),
    /// Another controller writes now.
    #[error("this controller does not lead any more")]
    NotLeading,
}

impl WriteError {
    /// Whether there is no such Ingress any more, so that nothing has to be written either.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Api { error: kube::Error::Api(status) } if status.is_not_found())
    }
}

impl Answer {
    pub(super) fn of(ingress: Ingress, taken_from: Option<Box<str>>) -> Self {
        let balancer = ingress.status.and_then(|status| status.load_balancer);
        let mut addresses = balancer.and_then(|b| b.ingress).unwrap_or_default();
        address::sort(&mut addresses);
        Self {
            version: ingress.metadata.resource_version.unwrap_or_default().into(),
            addresses,
            taken_from,
        }
    }
}

/// Who owns the status, when that is why it was not applied.
pub(super) fn owner(error: &WriteError) -> Option<Box<str>> {
    match error {
        WriteError::Api { error } => other_manager(error),
        _ => None,
    }
}

/// What to do about it.
fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to patch ingresses/status of networking.k8s.io"
        }
        kube::Error::Api(status) if status.is_invalid() => {
            "see that --publish-status-address has IP addresses and DNS names only"
        }
        kube::Error::Api(_) => "it is tried again",
        _ => "see that the API server can be reached; it is tried again",
    }
}
