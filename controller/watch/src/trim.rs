//! Objects without what nobody reads: there are many, and what is not kept cannot count as a change.
//!
//! What `translate` reads must stay; a test translates everything that it has as an example, both
//! whole and trimmed.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressClassSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use portreeve_translate::annotations::{OWN_PREFIX, READ_PREFIXES};
use portreeve_translate::{
    CHALLENGE_FIELD, CHALLENGE_TYPE, Content, HOSTS, Kind, OWNER_MARK, SecretObject,
};

use crate::event::{Status, Trimmed};

/// The label that says which Service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

const CERTIFICATE_FIELDS: [&str; 2] = ["tls.crt", "tls.key"];

/// A kind of object that can be trimmed.
pub(crate) trait Trim {
    /// Which kind it is.
    const KIND: Kind;

    /// What is kept of it.
    fn trim(self) -> Trimmed;
}

impl Trim for Ingress {
    const KIND: Kind = Kind::Ingress;

    fn trim(mut self) -> Trimmed {
        let generation = self.metadata.generation;
        let metadata = self.metadata;
        let balancer = self.status.take().and_then(|status| status.load_balancer);
        self.metadata = ObjectMeta {
            creation_timestamp: metadata.creation_timestamp.clone(),
            annotations: chosen(&metadata, &READ_PREFIXES),
            ..identity(metadata)
        };
        Trimmed {
            content: Content::Ingress(Arc::new(self)),
            status: Status::Ingress(balancer.and_then(|b| b.ingress).unwrap_or_default()),
            generation,
        }
    }
}

impl Trim for IngressClass {
    const KIND: Kind = Kind::IngressClass;

    fn trim(self) -> Trimmed {
        let spec = self.spec.map(|spec| IngressClassSpec {
            controller: spec.controller,
            parameters: spec.parameters,
        });
        let class = Self {
            metadata: identity(self.metadata),
            spec,
        };
        Content::IngressClass(Arc::new(class)).into()
    }
}

impl Trim for Service {
    const KIND: Kind = Kind::Service;

    fn trim(self) -> Trimmed {
        let balancer = self.status.and_then(|status| status.load_balancer);
        let spec = self.spec.map(|spec| ServiceSpec {
            cluster_ip: spec.cluster_ip,
            external_ips: spec.external_ips,
            external_name: spec.external_name,
            ports: spec.ports.map(|ports| each(ports, service_port)),
            type_: spec.type_,
            ..ServiceSpec::default()
        });
        let service = Self {
            metadata: identity(self.metadata),
            spec,
            status: None,
        };
        Trimmed {
            content: Content::Service(Arc::new(service)),
            status: Status::Service(balancer.and_then(|b| b.ingress).unwrap_or_default()),
            generation: None,
        }
    }
}

fn service_port(port: ServicePort) -> ServicePort {
    ServicePort {
        node_port: None,
        ..port
    }
}

impl Trim for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;

    fn trim(mut self) -> Trimmed {
        let mut metadata = self.metadata;
        let annotations = chosen(&metadata, &[OWN_PREFIX]);
        let mut labels = metadata.labels.take();
        if let Some(labels) = &mut labels {
            labels.retain(|name, _| name == SERVICE_NAME);
        }
        self.metadata = ObjectMeta {
            annotations,
            labels,
            uid: None,
            ..identity(metadata)
        };
        self.endpoints = self.endpoints.map(|all| each(all, endpoint));
        self.ports = self.ports.map(|all| each(all, endpoint_port));
        Content::EndpointSlice(Arc::new(self)).into()
    }
}

/// Only its first address means something.
fn endpoint(mut endpoint: Endpoint) -> Endpoint {
    endpoint.addresses.truncate(1);
    endpoint.addresses.shrink_to_fit();
    Endpoint {
        addresses: endpoint.addresses,
        conditions: endpoint.conditions,
        ..Endpoint::default()
    }
}

fn endpoint_port(port: EndpointPort) -> EndpointPort {
    EndpointPort {
        app_protocol: None,
        ..port
    }
}

impl Trim for Secret {
    const KIND: Kind = Kind::Secret;

    fn trim(self) -> Trimmed {
        let is_challenge = |type_: &String| type_ == CHALLENGE_TYPE;
        let type_ = self.type_.filter(is_challenge);
        let fields = match type_ {
            Some(_) => &[CHALLENGE_FIELD][..],
            None => &CERTIFICATE_FIELDS,
        };
        let mut data = self.data;
        if let Some(data) = &mut data {
            data.retain(|name, _| fields.contains(&name.as_str()));
        }
        let annotations = chosen(&self.metadata, &[OWNER_MARK]);
        let metadata = identity(self.metadata);
        let secret = Self {
            metadata: ObjectMeta {
                annotations,
                ..metadata
            },
            data,
            type_,
            ..Self::default()
        };
        Content::Secret(SecretObject::new(Arc::new(secret))).into()
    }
}

impl Trim for ConfigMap {
    const KIND: Kind = Kind::ConfigMap;

    fn trim(self) -> Trimmed {
        let map = Self {
            metadata: identity(self.metadata),
            data: self.data,
            ..Self::default()
        };
        Content::ConfigMap(Arc::new(map)).into()
    }
}

impl Trim for Namespace {
    const KIND: Kind = Kind::Namespace;

    fn trim(self) -> Trimmed {
        let annotations = chosen(&self.metadata, &[HOSTS]);
        let metadata = identity(self.metadata);
        let namespace = Self {
            metadata: ObjectMeta {
                annotations,
                ..metadata
            },
            ..Self::default()
        };
        Content::Namespace(Arc::new(namespace)).into()
    }
}

impl From<Content> for Trimmed {
    fn from(content: Content) -> Self {
        Self {
            content,
            status: Status::None,
            generation: None,
        }
    }
}

/// Which object it is; one that was made anew is another.
fn identity(metadata: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        ..ObjectMeta::default()
    }
}

fn chosen(metadata: &ObjectMeta, prefixes: &[&str]) -> Option<BTreeMap<String, String>> {
    let annotations = metadata.annotations.iter().flatten();
    let read =
        annotations.filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)));
    let read: BTreeMap<_, _> = read
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!read.is_empty()).then_some(read)
}

/// A list with no room for more.
fn each<T>(all: Vec<T>, change: impl FnMut(T) -> T) -> Vec<T> {
    let mut changed: Vec<_> = all.into_iter().map(change).collect();
    changed.shrink_to_fit();
    changed
}

#[cfg(test)]
mod tests;
