//! The input of a translation: the objects that are known, and what is unknown.
//!
//! Objects are shared, never copied and never changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::secret::SecretObject;

/// The label that says which Service a slice belongs to (discovery/v1 `LabelServiceName`).
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

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
            Content::IngressClass(o) => ObjectRef {
                kind: Kind::IngressClass,
                namespace: "".into(),
                name: o.metadata.name.clone().unwrap_or_default().into(),
            },
            Content::Service(o) => ObjectKey::of(&o.metadata).reference(Kind::Service),
            Content::EndpointSlice(o) => ObjectKey::of(&o.metadata).reference(Kind::EndpointSlice),
            Content::Secret(o) => ObjectKey::of(&o.secret().metadata).reference(Kind::Secret),
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
from_content!(Ingress, IngressClass, Service, EndpointSlice);

impl From<Secret> for Object {
    fn from(secret: Secret) -> Self {
        Self {
            source: None,
            content: Content::Secret(SecretObject::new(Arc::new(secret))),
        }
    }
}

/// Everything that is known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    ingresses: BTreeMap<ObjectKey, Arc<Ingress>>,
    /// Those that cannot be used. One of the same name that can be goes before.
    refused: BTreeMap<ObjectKey, Arc<Ingress>>,
    classes: BTreeMap<Box<str>, Arc<IngressClass>>,
    services: BTreeMap<ObjectKey, Arc<Service>>,
    /// By the key of their Service, then by their own name.
    slices: BTreeMap<ObjectKey, BTreeMap<Box<str>, Arc<EndpointSlice>>>,
    secrets: BTreeMap<ObjectKey, SecretObject>,
    secrets_unknown: bool,
    sources: BTreeMap<ObjectRef, Arc<str>>,
}

impl Snapshot {
    /// A snapshot of `objects`. Of two with one name the first is taken, and the other named.
    pub fn from_objects(objects: impl IntoIterator<Item = Object>) -> (Self, Vec<Diagnostic>) {
        let mut snapshot = Self::default();
        let mut diagnostics = Vec::new();
        for object in objects {
            diagnostics.extend(snapshot.add(object));
        }
        (snapshot, diagnostics)
    }

    /// The same without Secrets, which are then unknown rather than missing: nothing is said
    /// about them. Admission sees the world like this.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.secrets.clear();
        self.secrets_unknown = true;
        self
    }

    /// The same with `ingress` in place of the one that has its name.
    #[must_use]
    pub fn with(&self, ingress: Ingress) -> Self {
        let mut snapshot = self.clone();
        let key = ObjectKey::of(&ingress.metadata);
        snapshot.sources.remove(&key.reference(Kind::Ingress));
        snapshot.ingresses.insert(key, Arc::new(ingress));
        snapshot
    }

    fn add(&mut self, object: Object) -> Option<Diagnostic> {
        let reference = object.reference();
        let key = ObjectKey::new(&reference.namespace, &reference.name);
        let taken = match object.content {
            Content::Ingress(new) => add(&mut self.ingresses, key, new),
            Content::Refused(new) => {
                // What is wrong with it was said where it was read.
                let _ = add(&mut self.refused, key, new);
                if let Some(source) = object.source {
                    self.sources.entry(reference).or_insert(source);
                }
                return None;
            }
            Content::IngressClass(new) => add(&mut self.classes, reference.name.clone(), new),
            Content::Service(new) => add(&mut self.services, key, new),
            Content::Secret(new) => add(&mut self.secrets, key, new),
            Content::EndpointSlice(new) => {
                let labels = new.metadata.labels.as_ref();
                let Some(service) = labels.and_then(|l| l.get(SERVICE_NAME)) else {
                    return Some(without_service(reference, object.source));
                };
                let siblings = ObjectKey::new(&key.namespace, service);
                let siblings = self.slices.entry(siblings).or_default();
                add(siblings, key.name, new)
            }
        };
        if taken {
            let first = self.sources.get(&reference);
            return Some(twice(reference, object.source, first));
        }
        if let Some(source) = object.source {
            self.sources.insert(reference, source);
        }
        None
    }

    pub(crate) fn ingresses(&self) -> impl Iterator<Item = (&ObjectKey, &Ingress)> {
        self.ingresses
            .iter()
            .map(|(key, ingress)| (key, &**ingress))
    }

    /// What can be told of the Ingresses that cannot be used.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&ObjectKey, &Ingress)> {
        let refused = self.refused.iter();
        refused
            .filter(|(key, _)| !self.ingresses.contains_key(key))
            .map(|(key, ingress)| (key, &**ingress))
    }

    pub(crate) fn class(&self, name: &str) -> Option<&IngressClass> {
        self.classes.get(name).map(|class| &**class)
    }

    pub(crate) fn service(&self, key: &ObjectKey) -> Option<&Service> {
        self.services.get(key).map(|service| &**service)
    }

    pub(crate) fn slices(&self, service: &ObjectKey) -> impl Iterator<Item = &EndpointSlice> {
        let slices = self.slices.get(service).into_iter().flatten();
        slices.map(|(_, slice)| &**slice)
    }

    /// `None` when Secrets are unknown, `Some(None)` when this one is missing.
    pub(crate) fn secret(&self, key: &ObjectKey) -> Option<Option<&SecretObject>> {
        let known = !self.secrets_unknown;
        known.then(|| self.secrets.get(key))
    }

    /// Says in each diagnostic which file its object came from.
    pub(crate) fn name_sources(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let object = diagnostic.object.as_ref();
            diagnostic.source = object.and_then(|object| self.sources.get(object).cloned());
        }
    }
}

/// Adds an object unless its name is taken; says whether it was.
fn add<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: V) -> bool {
    match map.entry(key) {
        std::collections::btree_map::Entry::Occupied(_) => true,
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(new);
            false
        }
    }
}

fn without_service(object: ObjectRef, source: Option<Arc<str>>) -> Diagnostic {
    let message = "It does not say which Service it belongs to, so its endpoints are not used.";
    Diagnostic {
        source,
        ..Diagnostic::new(Code::SliceWithoutService, object, message)
            .field(format!("metadata.labels[{SERVICE_NAME}]"))
            .hint(format!(
                "labels: {{{SERVICE_NAME}: the name of the Service}}"
            ))
    }
}

fn twice(object: ObjectRef, source: Option<Arc<str>>, first: Option<&Arc<str>>) -> Diagnostic {
    let first = first.map(|file| format!(" in {file}")).unwrap_or_default();
    let message = format!("An object with this name stands already{first}; this one is not used.");
    Diagnostic {
        source,
        ..Diagnostic::new(Code::ObjectTwice, object, message).hint("another name, or remove one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn ingress(name: &str, label: &str) -> Ingress {
        Ingress {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: Some([("label".into(), label.into())].into()),
                ..ObjectMeta::default()
            },
            ..Ingress::default()
        }
    }

    #[test]
    fn a_candidate_takes_the_place_of_its_name_and_no_other() {
        let (snapshot, _) =
            Snapshot::from_objects([ingress("a", "old"), ingress("b", "old")].map(Object::from));
        let with = snapshot.with(ingress("a", "new"));
        let labels = |snapshot: &Snapshot| {
            let ingresses = snapshot.ingresses();
            let labels =
                ingresses.map(|(_, i)| i.metadata.labels.clone().unwrap()["label"].clone());
            labels.collect::<Vec<_>>()
        };
        assert_eq!(labels(&with), ["new", "old"]);
        assert_eq!(labels(&snapshot), ["old", "old"], "the first is as it was");
    }
}
