//! Objects with what is not translated of them: who writes a status needs it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressLoadBalancerIngress};
use portreeve_translate::{Content, ObjectKey};

use crate::event::Status;
use crate::known::Entry;

/// An Ingress as it stands.
#[derive(Clone, Copy, Debug)]
pub struct IngressState<'a> {
    /// Its name.
    pub key: &'a ObjectKey,
    /// The Ingress, trimmed; its uid is there, its status is not.
    pub ingress: &'a Arc<Ingress>,
    /// Its version.
    pub resource_version: &'a str,
    /// Counts its changes of spec.
    pub generation: Option<i64>,
    /// Where its status says that it can be reached.
    pub load_balancer: &'a [IngressLoadBalancerIngress],
}

/// A Service as it stands.
#[derive(Clone, Copy, Debug)]
pub struct ServiceState<'a> {
    /// The Service, trimmed; its status is not there.
    pub service: &'a Arc<Service>,
    /// Where its status says that it can be reached.
    pub load_balancer: &'a [LoadBalancerIngress],
}

impl<'a> IngressState<'a> {
    pub(crate) fn of(key: &'a ObjectKey, entry: &'a Entry) -> Option<Self> {
        match (&entry.object.content, &entry.object.status) {
            (Content::Ingress(ingress), Status::Ingress(load_balancer)) => Some(Self {
                key,
                ingress,
                resource_version: entry.version.as_str(),
                generation: entry.object.generation,
                load_balancer,
            }),
            _ => None,
        }
    }
}

impl<'a> ServiceState<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Option<Self> {
        match (&entry.object.content, &entry.object.status) {
            (Content::Service(service), Status::Service(load_balancer)) => Some(Self {
                service,
                load_balancer,
            }),
            _ => None,
        }
    }
}
