//! One object, whatever its kind.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::secret::SecretObject;

/// An object with the file it came from.
#[derive(Clone, Debug)]
pub struct Object {
    /// The file, when it came from one.
    pub source: Option<Arc<str>>,
    /// The object itself.
    pub content: Content,
}

/// The object itself, by its kind.
#[derive(Clone, Debug)]
pub enum Content {
    /// Routes.
    Ingress(Arc<Ingress>),
    /// What can be told of an Ingress that cannot be used; its paths answer 503.
    Refused(Arc<Ingress>),
    /// Whose Ingresses are ours.
    IngressClass(Arc<IngressClass>),
    /// Ports.
    Service(Arc<Service>),
    /// Addresses.
    EndpointSlice(Arc<EndpointSlice>),
    /// Certificates.
    Secret(SecretObject),
    /// Settings of classes.
    ConfigMap(Arc<ConfigMap>),
    /// Which hosts may be used in it.
    Namespace(Arc<Namespace>),
}

impl Object {
    /// Whether it only stands for one that cannot be used.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.content, Content::Refused(_))
    }

    /// Its kind and name.
    pub fn reference(&self) -> ObjectRef {
        match &self.content {
            Content::Ingress(o) | Content::Refused(o) => {
                ObjectKey::of(&o.metadata).reference(Kind::Ingress)
            }
            Content::IngressClass(o) => {
                ObjectKey::without_namespace(&o.metadata).reference(Kind::IngressClass)
            }
            Content::Service(o) => ObjectKey::of(&o.metadata).reference(Kind::Service),
            Content::EndpointSlice(o) => ObjectKey::of(&o.metadata).reference(Kind::EndpointSlice),
            Content::Secret(o) => ObjectKey::of(&o.secret().metadata).reference(Kind::Secret),
            Content::ConfigMap(o) => ObjectKey::of(&o.metadata).reference(Kind::ConfigMap),
            Content::Namespace(o) => {
                ObjectKey::without_namespace(&o.metadata).reference(Kind::Namespace)
            }
        }
    }
}

macro_rules! from_content {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Object {
            fn from(object: $kind) -> Self {
                Self { source: None, content: Content::$kind(Arc::new(object)) }
            }
        }
    )*};
}
from_content!(
    Ingress,
    IngressClass,
    Service,
    EndpointSlice,
    ConfigMap,
    Namespace
);

impl From<Secret> for Object {
    fn from(secret: Secret) -> Self {
        Self {
            source: None,
            content: Content::Secret(SecretObject::new(Arc::new(secret))),
        }
    }
}
