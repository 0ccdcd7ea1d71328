//! What one translation takes over from the one before: the claims of Ingresses that are as they
//! were.
//!
//! An Ingress' claims depend on nothing but itself and its profile, so what is taken over is what
//! would be made anew. One object of thousands changes at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::Ingress;

use crate::class;
use crate::ingress::{self, Claims};
use crate::object::ObjectKey;
use crate::options::{Options, Profile};
use crate::snapshot::Snapshot;

/// What a translation may take over from the one before; empty for the first.
#[derive(Debug, Default)]
pub struct Memo(BTreeMap<ObjectKey, Kept>);

/// The claims of an Ingress. It is kept itself, so that no other one can be where it was.
#[derive(Debug)]
struct Kept {
    ingress: Arc<Ingress>,
    profile: Profile,
    claims: Arc<Claims>,
}

impl Memo {
    /// What all Ingresses claim that are ours, in no order.
    pub(crate) fn claims(&mut self, snapshot: &Snapshot, options: &Options) -> Vec<Arc<Claims>> {
        let mut before = std::mem::take(&mut self.0);
        let ours = snapshot.ingresses().filter_map(|(key, ingress)| {
            let profile = class::profile(ingress, snapshot, options)?;
            let before = before.remove_entry(key);
            let same = before.filter(|(_, before)| before.is_of(ingress, profile));
            Some(same.unwrap_or_else(|| (key.clone(), Kept::new(key, ingress, profile))))
        });
        self.0 = ours.collect();
        let refused = snapshot.refused().filter_map(|(key, ingress)| {
            let profile = class::profile(ingress, snapshot, options)?;
            Some(Arc::new(ingress::claims(key, ingress, profile).refused()))
        });
        let ours = self.0.values().map(|kept| Arc::clone(&kept.claims));
        ours.chain(refused).collect()
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
