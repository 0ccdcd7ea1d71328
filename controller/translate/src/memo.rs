//! What one translation takes over from the one before: the claims of Ingresses and the upstreams of
//! Services that are as they were.
//!
//! An Ingress' claims depend on nothing but itself and its profile, and an upstream on nothing but its
//! Service, their slices, an option and where requests may be sent, so what is taken over is what would be made anew. One object
//! of thousands changes at a time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use portreeve_table::{Shared, Targets, Upstream, UpstreamKey};

use crate::class;
use crate::diagnostic::Diagnostic;
use crate::ingress::{self, Claims};
use crate::object::ObjectKey;
use crate::options::{Options, Profile};
use crate::service;
use crate::snapshot::Snapshot;

/// What a translation may take over from the one before; empty for the first.
#[derive(Debug, Default)]
pub struct Memo {
    claims: BTreeMap<ObjectKey, Kept>,
    upstreams: BTreeMap<UpstreamKey, Made>,
    /// Where requests might be sent when they were made.
    targets: Targets,
}

/// The claims of an Ingress. It is kept itself, so that no other one can be where it was.
#[derive(Debug)]
struct Kept {
    ingress: Arc<Ingress>,
    profile: Profile,
    claims: Arc<Claims>,
}

/// An upstream, what is to be said about it, and all that it was made from.
#[derive(Debug)]
struct Made {
    service: Option<Arc<Service>>,
    slices: Vec<Arc<EndpointSlice>>,
    external_names: bool,
    upstream: Shared<Upstream>,
    found: Vec<Diagnostic>,
}

impl Memo {
    /// What all Ingresses claim that are ours, in no order.
    pub(crate) fn claims(&mut self, snapshot: &Snapshot, options: &Options) -> Vec<Arc<Claims>> {
        let mut before = std::mem::take(&mut self.claims);
        let ours = snapshot.ingresses().filter_map(|(key, ingress)| {
            let profile = class::profile(ingress, snapshot, options)?;
            let before = before.remove_entry(key);
            let same = before.filter(|(_, before)| before.is_of(ingress, profile));
            Some(same.unwrap_or_else(|| (key.clone(), Kept::new(key, ingress, profile))))
        });
        self.claims = ours.collect();
        let refused = snapshot.refused().filter_map(|(key, ingress)| {
            let profile = class::profile(ingress, snapshot, options)?;
            Some(Arc::new(ingress::claims(key, ingress, profile).refused()))
        });
        let ours = self.claims.values().map(|kept| Arc::clone(&kept.claims));
        ours.chain(refused).collect()
    }

    /// The upstreams of these names; what is to be said about them is added to `found`.
    pub(crate) fn upstreams<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k UpstreamKey>,
        snapshot: &Snapshot,
        options: &Options,
        targets: &Targets,
        found: &mut Vec<Diagnostic>,
    ) -> BTreeMap<UpstreamKey, Shared<Upstream>> {
        let mut before = std::mem::take(&mut self.upstreams);
        if self.targets != *targets {
            self.targets = targets.clone();
            before.clear();
        }
        let mut upstreams = BTreeMap::new();
        for key in keys {
            let Entry::Vacant(place) = upstreams.entry(key.clone()) else {
                continue;
            };
            let same = before.remove(key);
            let same = same.filter(|made| made.is_of(key, snapshot, options));
            let made = same.unwrap_or_else(|| Made::new(key, snapshot, options, targets));
            place.insert(made.upstream.clone());
            found.extend(made.found.iter().cloned());
            self.upstreams.insert(key.clone(), made);
        }
        upstreams
    }
}

impl Kept {
    fn new(key: &ObjectKey, ingress: &Arc<Ingress>, profile: Profile) -> Self {
        Self {
            ingress: Arc::clone(ingress),
            profile,
            claims: Arc::new(ingress::claims(key, ingress, profile)),
        }
    }

    /// Objects are never changed, so the same one in the same profile claims the same.
    fn is_of(&self, ingress: &Arc<Ingress>, profile: Profile) -> bool {
        Arc::ptr_eq(&self.ingress, ingress) && self.profile == profile
    }
}

impl Made {
    fn new(key: &UpstreamKey, snapshot: &Snapshot, options: &Options, targets: &Targets) -> Self {
        let name = ObjectKey::new(&key.namespace, &key.service);
        let (upstream, found) = service::upstream(snapshot, key, options, targets);
        Self {
            service: snapshot.service(&name).cloned(),
            slices: snapshot.slices(&name).cloned().collect(),
            external_names: options.external_names,
            upstream: Shared::new(upstream),
            found,
        }
    }

    /// Whether all that it was made from is the same.
    fn is_of(&self, key: &UpstreamKey, snapshot: &Snapshot, options: &Options) -> bool {
        let name = ObjectKey::new(&key.namespace, &key.service);
        let service = snapshot.service(&name).map(Arc::as_ptr);
        let slices = snapshot.slices(&name).map(Arc::as_ptr);
        self.service.as_ref().map(Arc::as_ptr) == service
            && self.slices.iter().map(Arc::as_ptr).eq(slices)
            && self.external_names == options.external_names
    }
}
