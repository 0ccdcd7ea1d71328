//! Which Ingresses have a say in what is said of one: those that claim a name that it claims,
//! or want a certificate where it does.
//!
//! Whoever asks about one Ingress of thousands need not translate them all. What [`translate`]
//! finds in an object depends on the object itself, on classes and Services, on the Ingresses that
//! claim one of its names or want certificates in one of its Secrets, and on who has the names of
//! those; a property test holds that nothing else does. The one exception is an Ingress that spends
//! nearly all that its expressions may cost on hosts that it has apart.
//!
//! [`translate`]: crate::translate

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::networking::v1::Ingress;
use portreeve_table::{CertKey, HostPattern};

use crate::annotations::Settings;
use crate::ingress::{self, Claims};
use crate::object::ObjectKey;
use crate::options::Profile;
use crate::snapshot::Snapshot;

/// An index of all Ingresses by the names that they claim, kept from one snapshot to the next.
#[derive(Debug, Default)]
pub struct Neighbours {
    known: BTreeMap<ObjectKey, Known>,
    by_name: BTreeMap<HostPattern, BTreeSet<ObjectKey>>,
    /// Those that want a certificate ordered, by its Secret.
    by_secret: BTreeMap<CertKey, BTreeSet<ObjectKey>>,
}

/// An Ingress and its names. It is kept itself, so that no other one can be where it was.
#[derive(Debug)]
struct Known {
    ingress: Arc<Ingress>,
    names: BTreeSet<HostPattern>,
    /// Those of its hosts that may have other names.
    aliased: BTreeSet<HostPattern>,
    /// The Secrets that it wants certificates in, of us or of cert-manager.
    secrets: BTreeSet<CertKey>,
}

impl Neighbours {
    /// Takes in what a snapshot has, which costs little for what it had before.
    pub fn update(&mut self, snapshot: &Snapshot) {
        let mut before = std::mem::take(&mut self.known);
        for (key, ingress) in snapshot.every_ingress() {
            let same = before.remove(key);
            let same = same.filter(|known| {
                Arc::ptr_eq(&known.ingress, ingress) || {
                    self.forget(key, known);
                    false
                }
            });
            let known = same.unwrap_or_else(|| self.learn(key, ingress));
            self.known.insert(key.clone(), known);
        }
        for (key, known) in &before {
            self.forget(key, known);
        }
    }

    /// The snapshot with `candidate` in place of the one that has its name, and without the
    /// Ingresses that have no say in what is said of it.
    #[must_use]
    pub fn around(&self, snapshot: &Snapshot, candidate: Ingress) -> Snapshot {
        let key = ObjectKey::of(&candidate.metadata);
        let claims = ingress::claims(&key, &candidate, Profile::default());
        let secrets = secrets(&claims);
        // Whoever has all hosts has those, too, that nobody has a rule for.
        let rest = [HostPattern::Any];
        let mut asked = names(&claims);
        asked.extend(rest.iter().filter(|_| !secrets.is_empty()).cloned());
        let mut found = self.claimers(&asked.iter().collect());
        let ordered = secrets.iter().filter_map(|key| self.by_secret.get(key));
        let ordered: BTreeSet<_> = ordered.flatten().collect();
        // Whether these are served under their other names depends on who has their hosts, and so
        // does whether a certificate is ordered for those.
        let aliased = self.known_of(&found).flat_map(|known| &known.aliased);
        let wanted = self.known_of(&ordered).flat_map(|known| &known.names);
        let further = self.claimers(&aliased.chain(wanted).collect());
        found.extend(ordered);
        found.extend(further);
        snapshot.only(&found).with(candidate)
    }

    fn known_of(&self, keys: &BTreeSet<&ObjectKey>) -> impl Iterator<Item = &Known> {
        keys.iter().filter_map(|key| self.known.get(*key))
    }

    fn claimers<'s>(&'s self, names: &BTreeSet<&HostPattern>) -> BTreeSet<&'s ObjectKey> {
        let wildcards = names.iter().flat_map(|name| wildcards(name));
        let above = wildcards.filter_map(|name| self.by_name.get(&name));
        let same = names.iter().filter_map(|name| self.by_name.get(*name));
        above.chain(same).flatten().collect()
    }

    fn learn(&mut self, key: &ObjectKey, ingress: &Arc<Ingress>) -> Known {
        let claims = ingress::claims(key, ingress, Profile::default());
        let names = names(&claims);
        for name in &names {
            let claimers = self.by_name.entry(name.clone()).or_default();
            claimers.insert(key.clone());
        }
        let secrets = secrets(&claims);
        for secret in &secrets {
            let wanting = self.by_secret.entry(secret.clone()).or_default();
            wanting.insert(key.clone());
        }
        Known {
            ingress: Arc::clone(ingress),
            names,
            aliased: aliased(&claims),
            secrets,
        }
    }

    fn forget(&mut self, key: &ObjectKey, known: &Known) {
        forget_in(&mut self.by_name, &known.names, key);
        forget_in(&mut self.by_secret, &known.secrets, key);
    }
}

fn forget_in<K: Ord>(
    index: &mut BTreeMap<K, BTreeSet<ObjectKey>>,
    under: &BTreeSet<K>,
    key: &ObjectKey,
) {
    for name in under {
        if let Some(known) = index.get_mut(name) {
            known.remove(key);
            if known.is_empty() {
                index.remove(name);
            }
        }
    }
}

/// The Secrets that an Ingress wants certificates in, of whomever.
fn secrets(claims: &Claims) -> BTreeSet<CertKey> {
    let wants = claims.asked.may_be() || claims.asked.cert_manager.is_some();
    let tls = claims.tls.iter().filter(|_| wants);
    tls.filter_map(|tls| claims.secret(tls)).collect()
}

/// The names that an Ingress claims in one way or another. Its profile has no part in that.
fn names(claims: &Claims) -> BTreeSet<HostPattern> {
    let mut names: BTreeSet<_> = claims.hosts().cloned().collect();
    let listed = claims.tls.iter().flat_map(|tls| &tls.hosts);
    names.extend(listed.map(|listed| listed.host.clone()));
    names.extend(claims.settings.aliases.iter().cloned());
    if claims.settings.from_to_www == Some(true) {
        let others: Vec<_> = names.iter().filter_map(other_www).collect();
        names.extend(others);
    }
    if claims.is_catch_all {
        names.insert(HostPattern::Any);
    }
    names
}

/// The hosts that may be reached by other names.
fn aliased(claims: &Claims) -> BTreeSet<HostPattern> {
    let Settings {
        aliases,
        from_to_www,
        ..
    } = &claims.settings;
    let is_it = |_: &&HostPattern| !aliases.is_empty() || *from_to_www == Some(true);
    claims.hosts().filter(is_it).cloned().collect()
}

/// The name with `www.`, or without.
fn other_www(name: &HostPattern) -> Option<HostPattern> {
    let HostPattern::Exact(name) = name else {
        return None;
    };
    match name.strip_prefix("www.") {
        Some(without) => HostPattern::parse(without).ok(),
        None => HostPattern::parse(&format!("www.{name}")).ok(),
    }
}

/// The wildcards that a name stands under.
fn wildcards(name: &HostPattern) -> Vec<HostPattern> {
    let (HostPattern::Exact(name) | HostPattern::Wildcard(name)) = name else {
        return Vec::new();
    };
    let dots = name.match_indices('.');
    let parents = dots.filter_map(|(at, _)| name.get(at + 1..));
    parents
        .map(|parent| HostPattern::Wildcard(parent.into()))
        .collect()
}
