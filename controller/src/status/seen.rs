//! What there is: the Ingresses with their statuses, and the Service that leads to the proxies.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress;
use portreeve_translate::{ObjectKey, Options, Owner, Snapshot, owner};
use portreeve_watch::{IngressState, ServiceState, Store};

use super::address;

/// What statuses depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Our Ingresses, and those of nobody that have a status.
    pub ingresses: Vec<IngressNow>,
    /// The Service whose addresses are published, if one is named and exists.
    pub service: Option<ServiceNow>,
}

/// An Ingress as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct IngressNow {
    /// Its name.
    pub key: ObjectKey,
    /// Tells it from others that had its name.
    pub uid: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// Whose it is.
    pub owner: Owner,
    /// What its status says, in our order.
    pub addresses: Vec<IngressLoadBalancerIngress>,
}

/// A Service as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceNow {
    /// The Service without its status.
    pub service: Arc<Service>,
    /// Where its status says that it can be reached.
    pub load_balancer: Vec<LoadBalancerIngress>,
}

impl Seen {
    /// What of all that is known statuses depend on; `publish` is the Service that leads to the
    /// proxies.
    pub fn of(
        store: &Store,
        snapshot: &Snapshot,
        options: &Options,
        publish: Option<&ObjectKey>,
    ) -> Self {
        let ingresses = store.ingresses();
        let ingresses = ingresses.filter_map(|state| IngressNow::of(&state, snapshot, options));
        let service = publish.and_then(|key| store.service(key));
        Self {
            ingresses: ingresses.collect(),
            service: service.map(ServiceNow::from),
        }
    }
}

impl IngressNow {
    fn of(state: &IngressState<'_>, snapshot: &Snapshot, options: &Options) -> Option<Self> {
        let owner = owner(state.ingress, snapshot, options);
        let counts = match owner {
            Owner::Ours => true,
            Owner::Nobody => !state.load_balancer.is_empty(),
            Owner::Other => false,
        };
        if !counts {
            return None;
        }
        let mut addresses = state.load_balancer.to_vec();
        address::sort(&mut addresses);
        Some(Self {
            key: state.key.clone(),
            uid: state.ingress.metadata.uid.as_deref()?.into(),
            version: state.resource_version.into(),
            owner,
            addresses,
        })
    }
}

impl From<ServiceState<'_>> for ServiceNow {
    fn from(state: ServiceState<'_>) -> Self {
        Self {
            service: Arc::clone(state.service),
            load_balancer: state.load_balancer.to_vec(),
        }
    }
}
