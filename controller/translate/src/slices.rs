//! EndpointSlices by the Service that they belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::object::ObjectKey;
use crate::service::of_slice;

/// Slices, found by their Service; each is in one place, whatever its label said before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    /// By the key of their Service, then by their own name.
    by_service: BTreeMap<ObjectKey, BTreeMap<Box<str>, Arc<EndpointSlice>>>,
    /// The name of the Service that a slice is filed under.
    services: BTreeMap<ObjectKey, Box<str>>,
}

impl Slices {
    /// The slices of a Service, by name.
    pub(crate) fn of(&self, service: &ObjectKey) -> impl Iterator<Item = &Arc<EndpointSlice>> {
        let slices = self.by_service.get(service).into_iter().flatten();
        slices.map(|(_, slice)| slice)
    }

    /// The slices of all Services in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &EndpointSlice> {
        let from = self.by_service.range(ObjectKey::new(namespace, "")..);
        let inside = from.take_while(move |(service, _)| *service.namespace == *namespace);
        inside.flat_map(|(_, slices)| slices.values().map(|slice| &**slice))
    }

    /// Whether the Service of `slice` has one of its name.
    pub(crate) fn has(&self, slice: &EndpointSlice) -> bool {
        let key = ObjectKey::of(&slice.metadata);
        let siblings = of_slice(slice).and_then(|service| self.by_service.get(&service));
        siblings.is_some_and(|siblings| siblings.contains_key(&key.name))
    }

    /// Files a slice under its Service, and takes it from where it was. One that belongs to no
    /// Service is not kept.
    pub(crate) fn insert(&mut self, slice: Arc<EndpointSlice>) {
        let key = ObjectKey::of(&slice.metadata);
        self.remove(&key);
        if let Some(service) = of_slice(&slice) {
            let name = key.name.clone();
            self.services.insert(key, service.name.clone());
            let siblings = self.by_service.entry(service).or_default();
            siblings.insert(name, slice);
        }
    }

    /// Takes a slice away, whichever Service it is filed under.
    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        let Some(service) = self.services.remove(key) else {
            return;
        };
        let service = ObjectKey {
            namespace: key.namespace.clone(),
            name: service,
        };
        if let Some(siblings) = self.by_service.get_mut(&service) {
            siblings.remove(&key.name);
            if siblings.is_empty() {
                self.by_service.remove(&service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::SERVICE_NAME;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn slice(name: &str, service: Option<&str>) -> Arc<EndpointSlice> {
        let label = service.map(|service| (SERVICE_NAME.into(), service.into()));
        Arc::new(EndpointSlice {
            metadata: ObjectMeta {
                name: Some(name.into()),
                namespace: Some("shop".into()),
                labels: Some(label.into_iter().collect()),
                ..ObjectMeta::default()
            },
            ..EndpointSlice::default()
        })
    }

    fn names(slices: &Slices, service: &str) -> Vec<String> {
        let service = ObjectKey::new("shop", service);
        let of = slices.of(&service);
        of.map(|slice| slice.metadata.name.clone().unwrap())
            .collect()
    }

    #[test]
    fn a_slice_that_moves_leaves_where_it_was() {
        let mut slices = Slices::default();
        for (name, service) in [("1", "a"), ("2", "a"), ("1", "b"), ("1", "b")] {
            slices.insert(slice(name, Some(service)));
        }
        assert_eq!(
            (names(&slices, "a"), names(&slices, "b")),
            (vec!["2".into()], vec!["1".into()])
        );
        slices.insert(slice("2", None));
        assert_eq!(names(&slices, "a"), [""; 0]);
        slices.remove(&ObjectKey::new("shop", "1"));
        slices.remove(&ObjectKey::new("shop", "1"));
        assert!(slices.by_service.is_empty() && slices.services.is_empty());
    }
}
