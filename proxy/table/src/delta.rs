//! What has changed, and nothing else.
//!
//! `Delta::between(have, config)` is the smallest delta that turns what a proxy has into `config`.

use std::collections::BTreeMap;

use crate::challenge::Challenge;
use crate::config::{Cert, Config, Host, Shared, Upstream};
use crate::key::ResourceKey;

/// What a proxy has: the hash of each of its resources.
pub type Have = BTreeMap<ResourceKey, u128>;

/// The difference between two configurations. It is applied whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// New and changed resources.
    pub upsert: BTreeMap<ResourceKey, Resource>,
    /// Resources that are gone.
    pub remove: Vec<ResourceKey>,
}

/// Any resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A virtual host.
    Host(Shared<Host>),
    /// A Service port with its endpoints.
    Upstream(Shared<Upstream>),
    /// A certificate with its key.
    Cert(Shared<Cert>),
    /// An ACME challenge.
    Challenge(Shared<Challenge>),
}

impl Delta {
    /// What must be sent to someone who has `have`, so that it has `config`.
    pub fn between(have: &Have, config: &Config) -> Self {
        let want = config.resources();
        let gone = have.keys().filter(|key| !want.contains_key(*key));
        let remove = gone.cloned().collect();
        let upsert = want
            .into_iter()
            .filter(|(key, resource)| have.get(key) != Some(&resource.hash()))
            .collect();
        Self { upsert, remove }
    }

    /// Notes in `have` that this was taken.
    pub fn record_in(&self, have: &mut Have) {
        for key in &self.remove {
            have.remove(key);
        }
        let new = self.upsert.iter();
        have.extend(new.map(|(key, resource)| (key.clone(), resource.hash())));
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.upsert.is_empty() && self.remove.is_empty()
    }
}

impl Resource {
    /// The hash of its content.
    pub fn hash(&self) -> u128 {
        match self {
            Self::Host(host) => host.hash(),
            Self::Upstream(upstream) => upstream.hash(),
            Self::Cert(cert) => cert.hash(),
            Self::Challenge(challenge) => challenge.hash(),
        }
    }
}

impl Config {
    /// Every resource by its name.
    pub fn resources(&self) -> BTreeMap<ResourceKey, Resource> {
        let hosts = self.hosts.iter();
        let upstreams = self.upstreams.iter();
        let certs = self.certs.iter();
        let challenges = self.challenges.iter();
        let hosts = hosts.map(|(k, v)| (ResourceKey::Host(k.clone()), Resource::Host(v.clone())));
        let upstreams = upstreams.map(|(k, v)| {
            (
                ResourceKey::Upstream(k.clone()),
                Resource::Upstream(v.clone()),
            )
        });
        let certs = certs.map(|(k, v)| (ResourceKey::Cert(k.clone()), Resource::Cert(v.clone())));
        let challenges = challenges.map(|(k, v)| {
            (
                ResourceKey::Challenge(k.clone()),
                Resource::Challenge(v.clone()),
            )
        });
        hosts
            .chain(upstreams)
            .chain(certs)
            .chain(challenges)
            .collect()
    }

    /// What this configuration consists of.
    pub fn have(&self) -> Have {
        let resources = self.resources().into_iter();
        resources
            .map(|(key, resource)| (key, resource.hash()))
            .collect()
    }

    /// This configuration with `delta` applied.
    #[must_use]
    pub fn apply(mut self, delta: Delta) -> Self {
        for key in &delta.remove {
            match key {
                ResourceKey::Host(key) => drop(self.hosts.remove(key)),
                ResourceKey::Upstream(key) => drop(self.upstreams.remove(key)),
                ResourceKey::Cert(key) => drop(self.certs.remove(key)),
                ResourceKey::Challenge(key) => drop(self.challenges.remove(key)),
            }
        }
        for (key, resource) in delta.upsert {
            match (key, resource) {
                (ResourceKey::Host(k), Resource::Host(v)) => drop(self.hosts.insert(k, v)),
                (ResourceKey::Upstream(k), Resource::Upstream(v)) => {
                    drop(self.upstreams.insert(k, v));
                }
                (ResourceKey::Cert(k), Resource::Cert(v)) => drop(self.certs.insert(k, v)),
                (ResourceKey::Challenge(k), Resource::Challenge(v)) => {
                    drop(self.challenges.insert(k, v));
                }
                // A key of one kind with a resource of another names nothing.
                _ => {}
            }
        }
        self
    }
}
