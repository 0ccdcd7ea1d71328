//! Everything a proxy needs to serve traffic: ordered, comparable, and without behaviour.
//!
//! A resource (a host, an upstream, a certificate, a challenge) is the unit of everything: of
//! hashing, sending, accepting, rejecting and recompiling.
//! Resources refer to each other by key, so that an endpoint that changes touches one small
//! resource and no route.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::challenge::Challenge;
use crate::host::HostPattern;
use crate::key::{CertKey, Token, UpstreamKey};
use crate::route::{Protocol, Route};
use crate::secret::Secret;
use crate::target::Targets;

/// The whole configuration of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Virtual hosts, each with its routes.
    pub hosts: BTreeMap<HostPattern, Shared<Host>>,
    /// Service ports, each with its endpoints.
    pub upstreams: BTreeMap<UpstreamKey, Shared<Upstream>>,
    /// Certificates, each with the names it is served for.
    pub certs: BTreeMap<CertKey, Shared<Cert>>,
    /// ACME challenges that are being answered now.
    pub challenges: BTreeMap<Token, Shared<Challenge>>,
}

/// One virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The routes, in the order in which equals are tried: the first that fits wins.
    pub routes: Vec<Route>,
}

/// One Service port and where its requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// The protocol that the Service's `appProtocol` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The endpoints, sorted by address, each address once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// A name to resolve instead, for Services of type ExternalName.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// What its Service leads to although no request may be sent there, and why: for `/config`, and
    /// for the answer when there is nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Box<str>>,
}

/// One address that answers for a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share relative to its siblings: 0 takes no requests, 1 is usual, 65535 the most.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u16,
    /// Whether it takes new requests.
    #[serde(default, skip_serializing_if = "Stage::is_ready")]
    pub stage: Stage,
}

fn one() -> u16 {
    1
}

fn is_one(weight: &u16) -> bool {
    *weight == 1
}

/// Where an endpoint stands between start and end (discovery/v1 `EndpointConditions`).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Takes requests.
    #[default]
    Ready,
    /// Terminating but still serving: used for sessions that are pinned to it, and for everyone
    /// when no endpoint is ready.
    Draining,
}

impl Stage {
    fn is_ready(&self) -> bool {
        *self == Self::Ready
    }
}

/// A DNS name outside the cluster, resolved by the proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// The name, without a trailing dot.
    pub name: Box<str>,
    /// The port to connect to.
    pub port: u16,
    /// Where it may lead.
    #[serde(default, skip_serializing_if = "Targets::is_usual")]
    pub targets: Targets,
}

/// A certificate with its key, and the names it is served for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cert {
    /// The server names (SNI) that get this certificate; `*` makes it the default.
    pub names: Vec<HostPattern>,
    /// The chain as PEM, leaf first.
    pub chain: Box<str>,
    /// The private key as PEM.
    pub key: Secret<String>,
    /// When the leaf expires, in seconds since 1970.
    pub not_after: i64,
}

/// A resource behind a shared pointer, with the hash of its content beside it.
///
/// Cloning is cheap, and two are compared by their hashes.
#[derive(Clone, Debug)]
pub struct Shared<T> {
    value: Arc<T>,
    hash: u128,
}

impl<T: Serialize> Shared<T> {
    /// Hashes `value`: the first 16 bytes of the SHA-256 of its JSON.
    ///
    /// Secrets enter by their fingerprints, so the hash may be shown.
    pub fn new(value: T) -> Self {
        let mut digest = Digesting(Sha256::new());
        // Nothing in a resource fails to be written, and a digest takes everything.
        let _ = serde_json::to_writer(&mut digest, &value);
        let hash = digest
            .0
            .finalize()
            .iter()
            .take(16)
            .fold(0, |h, b| h << 8 | u128::from(*b));
        Self {
            value: Arc::new(value),
            hash,
        }
    }
}

/// Takes in what is written to it, piece by piece: a host as JSON may be large.
struct Digesting(Sha256);

impl std::io::Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<T> Shared<T> {
    /// What somebody else has hashed, who may know more of its content than we do.
    pub(crate) fn with_hash(value: T, hash: u128) -> Self {
        let value = Arc::new(value);
        Self { value, hash }
    }

    /// The hash of the content: the same content has the same hash on every machine.
    pub fn hash(&self) -> u128 {
        self.hash
    }

    /// The value itself, to keep.
    pub fn arc(&self) -> &Arc<T> {
        &self.value
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<T> Eq for Shared<T> {}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Serialize + Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cert(key: &str) -> Shared<Cert> {
        Shared::new(Cert {
            names: vec![HostPattern::Any],
            chain: "chain".into(),
            key: Secret::new(key.into()),
            not_after: 0,
        })
    }

    #[test]
    fn the_same_content_has_the_same_hash_and_another_key_another() {
        assert_eq!(cert("a").hash(), cert("a").hash());
        assert_ne!(cert("a").hash(), cert("b").hash());
    }

    #[test]
    fn a_configuration_shows_no_key() {
        let config = Config {
            certs: [("shop/tls".parse().unwrap(), cert("hunter2"))].into(),
            ..Config::default()
        };
        let shown = serde_json::to_string(&config).unwrap() + &format!("{config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
