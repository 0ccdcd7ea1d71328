//! The input of a translation: the objects that are known, and what is unknown.
//!
//! Objects are shared, never copied and never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::code::Code;
use crate::content::{Content, Object};
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::ownership::listed;
use crate::secret::SecretObject;
use crate::service::of_slice;
use crate::slices::Slices;

/// The label that says which Service a slice belongs to (discovery/v1 `LabelServiceName`).
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Everything that is known at one moment.
///
/// A clone costs next to nothing, and a change after it copies only the kind that changed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    ingresses: Arc<BTreeMap<ObjectKey, Arc<Ingress>>>,
    /// Those that cannot be used. One of the same name that can be goes before.
    refused: Arc<BTreeMap<ObjectKey, Arc<Ingress>>>,
    classes: Arc<BTreeMap<Box<str>, Arc<IngressClass>>>,
    services: Arc<BTreeMap<ObjectKey, Arc<Service>>>,
    slices: Arc<Slices>,
    secrets: Arc<BTreeMap<ObjectKey, SecretObject>>,
    config_maps: Arc<BTreeMap<ObjectKey, Arc<ConfigMap>>>,
    namespaces: Arc<BTreeMap<Box<str>, Arc<Namespace>>>,
    secrets_unknown: bool,
    sources: Arc<BTreeMap<ObjectRef, Arc<str>>>,
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
        self.secrets = Arc::default();
        self.secrets_unknown = true;
        self
    }

    /// The same with `ingress` in place of the one that has its name.
    #[must_use]
    pub fn with(&self, ingress: Ingress) -> Self {
        let mut snapshot = self.clone();
        snapshot.insert(ingress.into());
        snapshot
    }

    /// The same without Ingresses.
    #[must_use]
    pub fn without_ingresses(&self) -> Self {
        self.only(&BTreeSet::new())
    }

    /// The same with no other Ingresses than these.
    pub(crate) fn only(&self, keys: &BTreeSet<&ObjectKey>) -> Self {
        let among = |all: &BTreeMap<ObjectKey, Arc<Ingress>>| {
            let found = keys.iter().filter_map(|key| all.get_key_value(*key));
            let found = found.map(|(key, ingress)| (key.clone(), Arc::clone(ingress)));
            Arc::new(found.collect())
        };
        Self {
            ingresses: among(&self.ingresses),
            refused: among(&self.refused),
            ..self.clone()
        }
    }

    /// Takes an object in place of the one that has its kind and name, if there is one.
    pub fn insert(&mut self, object: Object) {
        let reference = object.reference();
        let key = ObjectKey::new(&reference.namespace, &reference.name);
        match object.content {
            Content::Ingress(new) => drop(Arc::make_mut(&mut self.ingresses).insert(key, new)),
            Content::Refused(new) => {
                let is_usable = self.ingresses.contains_key(&key);
                drop(Arc::make_mut(&mut self.refused).insert(key, new));
                if is_usable {
                    return;
                }
            }
            Content::IngressClass(new) => {
                drop(Arc::make_mut(&mut self.classes).insert(key.name, new));
            }
            Content::Service(new) => drop(Arc::make_mut(&mut self.services).insert(key, new)),
            Content::Secret(new) => drop(Arc::make_mut(&mut self.secrets).insert(key, new)),
            Content::ConfigMap(new) => drop(Arc::make_mut(&mut self.config_maps).insert(key, new)),
            Content::Namespace(new) => {
                drop(Arc::make_mut(&mut self.namespaces).insert(key.name, new));
            }
            Content::EndpointSlice(new) => Arc::make_mut(&mut self.slices).insert(new),
        }
        match object.source {
            Some(source) => drop(Arc::make_mut(&mut self.sources).insert(reference, source)),
            None => self.forget_source(&reference),
        }
    }

    /// Takes an object away; that of a kind without namespaces has an empty one.
    pub fn remove(&mut self, kind: Kind, key: &ObjectKey) {
        match kind {
            Kind::Ingress => {
                Arc::make_mut(&mut self.ingresses).remove(key);
                Arc::make_mut(&mut self.refused).remove(key);
            }
            Kind::IngressClass => drop(Arc::make_mut(&mut self.classes).remove(&key.name)),
            Kind::Service => drop(Arc::make_mut(&mut self.services).remove(key)),
            Kind::Secret => drop(Arc::make_mut(&mut self.secrets).remove(key)),
            Kind::ConfigMap => drop(Arc::make_mut(&mut self.config_maps).remove(key)),
            Kind::Namespace => drop(Arc::make_mut(&mut self.namespaces).remove(&key.name)),
            Kind::EndpointSlice => Arc::make_mut(&mut self.slices).remove(key),
        }
        self.forget_source(&key.reference(kind));
    }

    /// By what the API server tells an object from others that had its name.
    pub fn uid(&self, object: &ObjectRef) -> Option<&str> {
        let key = ObjectKey::new(&object.namespace, &object.name);
        let metadata = match object.kind {
            Kind::Ingress => &self.ingresses.get(&key)?.metadata,
            Kind::IngressClass => &self.classes.get(&key.name)?.metadata,
            Kind::Service => &self.services.get(&key)?.metadata,
            Kind::Secret => &self.secrets.get(&key)?.secret().metadata,
            Kind::ConfigMap => &self.config_maps.get(&key)?.metadata,
            Kind::Namespace => &self.namespaces.get(&key.name)?.metadata,
            // They are many, and nobody describes one.
            Kind::EndpointSlice => return None,
        };
        metadata.uid.as_deref()
    }

    fn forget_source(&mut self, reference: &ObjectRef) {
        if self.sources.contains_key(reference) {
            Arc::make_mut(&mut self.sources).remove(reference);
        }
    }

    /// Takes an object unless there is one of its name, or it is a slice of no Service.
    fn add(&mut self, object: Object) -> Option<Diagnostic> {
        let reference = object.reference();
        if let Content::EndpointSlice(slice) = &object.content
            && of_slice(slice).is_none()
        {
            return Some(without_service(reference, object.source));
        }
        if self.has(&object.content, &reference) {
            // What is wrong with an object that is refused was said where it was read.
            if object.is_refused() || self.says_the_same(&object.content) {
                return None;
            }
            let first = self.sources.get(&reference);
            return Some(twice(reference, object.source, first));
        }
        self.insert(object);
        None
    }

    fn has(&self, content: &Content, reference: &ObjectRef) -> bool {
        let key = ObjectKey::new(&reference.namespace, &reference.name);
        match content {
            Content::Ingress(_) => self.ingresses.contains_key(&key),
            Content::Refused(_) => self.refused.contains_key(&key),
            Content::IngressClass(_) => self.classes.contains_key(&key.name),
            Content::Service(_) => self.services.contains_key(&key),
            Content::Secret(_) => self.secrets.contains_key(&key),
            Content::ConfigMap(_) => self.config_maps.contains_key(&key),
            Content::Namespace(_) => self.namespaces.contains_key(&key.name),
            Content::EndpointSlice(slice) => self.slices.has(slice),
        }
    }

    /// Whether it is a Namespace as it is known already: each file of manifests may begin with the
    /// one that the others are in.
    fn says_the_same(&self, content: &Content) -> bool {
        let Content::Namespace(again) = content else {
            return false;
        };
        let name = again.metadata.name.as_deref().unwrap_or_default();
        let known = self.namespaces.get(name);
        known.is_some_and(|known| listed(known) == listed(again))
    }

    pub(crate) fn ingresses(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Ingress>)> {
        self.ingresses.iter()
    }

    /// Every Ingress, or what stands for it; of two with one name the one that counts.
    pub(crate) fn every_ingress(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Ingress>)> {
        let refused = self.refused.iter();
        let refused = refused.filter(|(key, _)| !self.ingresses.contains_key(key));
        self.ingresses.iter().chain(refused)
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

    pub(crate) fn classes(&self) -> impl Iterator<Item = (&str, &IngressClass)> {
        self.classes.iter().map(|(name, class)| (&**name, &**class))
    }

    pub(crate) fn config_map(&self, key: &ObjectKey) -> Option<&ConfigMap> {
        self.config_maps.get(key).map(|map| &**map)
    }

    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (&str, &Namespace)> {
        let namespaces = self.namespaces.iter();
        namespaces.map(|(name, namespace)| (&**name, &**namespace))
    }

    pub(crate) fn service(&self, key: &ObjectKey) -> Option<&Arc<Service>> {
        self.services.get(key)
    }

    pub(crate) fn slices(&self, service: &ObjectKey) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        self.slices.of(service)
    }

    /// The slices of all Services in a namespace.
    pub(crate) fn slices_in(&self, namespace: &str) -> impl Iterator<Item = &EndpointSlice> {
        self.slices.in_namespace(namespace)
    }

    /// `None` when Secrets are unknown, `Some(None)` when this one is missing.
    pub(crate) fn secret(&self, key: &ObjectKey) -> Option<Option<&SecretObject>> {
        let known = !self.secrets_unknown;
        known.then(|| self.secrets.get(key))
    }

    /// The Secrets in a namespace; none when they are unknown.
    pub(crate) fn secrets_in<'s>(
        &'s self,
        namespace: &'s str,
    ) -> impl Iterator<Item = (&'s ObjectKey, &'s SecretObject)> {
        let secrets = self.secrets.range(ObjectKey::new(namespace, "")..);
        secrets.take_while(move |(key, _)| &*key.namespace == namespace)
    }

    /// Says in each diagnostic which file its object came from.
    pub(crate) fn name_sources(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let object = diagnostic.object.as_ref();
            diagnostic.source = object.and_then(|object| self.sources.get(object).cloned());
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
    use k8s_openapi::api::core::v1::Secret;
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

    #[test]
    fn what_was_edited_is_what_would_be_made_anew() {
        let named = |name: &str| ObjectMeta {
            name: Some(name.into()),
            namespace: Some("shop".into()),
            labels: Some([(SERVICE_NAME.into(), name.into())].into()),
            ..ObjectMeta::default()
        };
        let objects = |name: &str| -> Vec<Object> {
            let metadata = || named(name);
            let class = || ObjectMeta {
                namespace: None,
                ..metadata()
            };
            vec![
                Ingress {
                    metadata: metadata(),
                    ..Ingress::default()
                }
                .into(),
                IngressClass {
                    metadata: class(),
                    ..IngressClass::default()
                }
                .into(),
                Service {
                    metadata: metadata(),
                    ..Service::default()
                }
                .into(),
                EndpointSlice {
                    metadata: metadata(),
                    ..EndpointSlice::default()
                }
                .into(),
                Secret {
                    metadata: metadata(),
                    ..Secret::default()
                }
                .into(),
                ConfigMap {
                    metadata: metadata(),
                    ..ConfigMap::default()
                }
                .into(),
                Namespace {
                    metadata: class(),
                    ..Namespace::default()
                }
                .into(),
            ]
        };
        let (mut edited, _) = Snapshot::from_objects([objects("a"), objects("b")].concat());
        let before = edited.clone();
        for object in objects("b") {
            let reference = object.reference();
            edited.remove(
                reference.kind,
                &ObjectKey::new(&reference.namespace, &reference.name),
            );
        }
        objects("c")
            .into_iter()
            .chain(objects("c"))
            .for_each(|object| edited.insert(object));
        let shown =
            |(snapshot, found): (Snapshot, Vec<Diagnostic>)| format!("{snapshot:?} {found:?}");
        let anew = Snapshot::from_objects([objects("c"), objects("a")].concat());
        assert_eq!(shown((edited, Vec::new())), shown(anew));
        let anew = Snapshot::from_objects([objects("b"), objects("a")].concat());
        assert_eq!(
            shown((before, Vec::new())),
            shown(anew),
            "a clone is as it was"
        );
    }
}
