//! The running configuration: compiled, immutable, swapped whole.
//!
//! Nothing mutable is configured here and nothing configured is mutable: counters live in the
//! endpoints' own states, which are carried over by address from one generation to the next.
//! A request sees one generation from its first to its last step.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use portreeve_table::{
    Config, Hosts, Protocol, Rejected, ResourceKey, Shared, Table, Told, UpstreamKey,
};
use rustc_hash::{FxHashMap, FxHashSet};
use rustls::sign::CertifiedKey;

use crate::metrics::{Metrics, RouteMetrics};
use crate::source::{Leads, Names};
use crate::tls::{self, alpn::Answers};
use crate::upstream::EndpointSet;

/// One generation of the configuration, ready to serve.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    /// Counts up from 1; 0 is the empty one before any configuration came.
    pub(crate) number: u64,
    /// When it was put in place.
    pub(crate) since: Option<SystemTime>,
    /// What it was made from.
    pub(crate) config: Config,
    /// What of that could not be compiled.
    pub(crate) rejected: Vec<Rejected>,
    /// Where external names lead.
    pub(crate) names: Arc<Names>,
    /// The routes.
    pub(crate) table: Table<Arc<RouteMetrics>>,
    /// The upstreams.
    pub(crate) upstreams: FxHashMap<UpstreamKey, Arc<Upstream>>,
    /// The certificates by server name.
    pub(crate) certs: Hosts<Arc<CertifiedKey>>,
    /// The certificates that answer ACME servers.
    pub(crate) answers: Answers,
    /// The certificates by key, to be taken over.
    parsed: tls::Parsed,
    /// Every endpoint's address: connections to others are closed.
    addresses: FxHashSet<SocketAddr>,
}

/// One upstream, ready to be picked from.
#[derive(Debug)]
pub(crate) struct Upstream {
    source: Shared<portreeve_table::Upstream>,
    resolved: Leads,
    /// The protocol that its Service asks for.
    pub(crate) protocol: Option<Protocol>,
    /// Its endpoints with their counters.
    pub(crate) endpoints: EndpointSet,
}

impl Generation {
    /// Compiles `config`, taking over from `self` what did not change.
    pub(crate) fn next(&self, config: Config, names: Arc<Names>, metrics: &Metrics) -> Self {
        let bind = |host: &_, route: &_| metrics.route(host, route);
        let (table, mut rejected) = Table::compile(&config, &self.table, bind);
        let upstreams = config.upstreams.iter();
        let upstreams: FxHashMap<_, _> = upstreams
            .map(|(key, source)| (key.clone(), self.upstream(key, source, &names)))
            .collect();
        let endpoints = upstreams
            .values()
            .flat_map(|upstream| upstream.endpoints.endpoints());
        let addresses = endpoints.map(|endpoint| endpoint.address).collect();
        let (parsed, bad_certs) = tls::parse(&config.certs, &self.parsed);
        let certs = tls::by_name(&config.certs, &parsed);
        rejected.extend(bad_certs.into_iter().map(|(key, error)| Rejected {
            key: ResourceKey::Cert(key),
            origin: None,
            error,
        }));
        let (answers, bad_challenges) = self.answers.next(&config.challenges);
        rejected.extend(bad_challenges.into_iter().map(|(token, error)| Rejected {
            key: ResourceKey::Challenge(token),
            origin: None,
            error,
        }));
        Self {
            number: self.number + 1,
            since: Some(SystemTime::now()),
            config,
            rejected,
            names,
            table,
            upstreams,
            certs,
            answers,
            parsed,
            addresses,
        }
    }

    /// Whether any upstream has this endpoint.
    pub(crate) fn has_endpoint(&self, address: &SocketAddr) -> bool {
        self.addresses.contains(address)
    }

    /// The upstreams whose external names lead where no request may be sent, and what that is.
    pub(crate) fn refused(&self) -> Vec<Told> {
        let refused = self.config.upstreams.keys().filter_map(|key| {
            let why = self.upstreams.get(key)?.resolved.refused?;
            Some(Told {
                key: ResourceKey::Upstream(key.clone()).to_string().into(),
                origin: None,
                error: why.to_string(),
            })
        });
        refused.collect()
    }

    fn upstream(
        &self,
        key: &UpstreamKey,
        source: &Shared<portreeve_table::Upstream>,
        names: &Names,
    ) -> Arc<Upstream> {
        let resolved = source
            .external
            .as_ref()
            .map(|external| names.leads(external));
        let resolved = resolved.unwrap_or_default();
        let previous = self.upstreams.get(key);
        let is_same = |old: &&Arc<Upstream>| old.source == *source && old.resolved == resolved;
        if let Some(same) = previous.filter(is_same) {
            return Arc::clone(same);
        }
        let carried = previous.map(|previous| &previous.endpoints);
        let endpoints = match source.external {
            Some(_) => &resolved.endpoints,
            None => &source.endpoints,
        };
        Arc::new(Upstream {
            source: source.clone(),
            protocol: source.protocol,
            endpoints: EndpointSet::new(endpoints, carried),
            resolved,
        })
    }
}

impl Upstream {
    /// Whether there is something that its Service leads to, and no request may be sent there.
    pub(crate) fn is_refused(&self) -> bool {
        self.source.refused.is_some() || self.resolved.refused.is_some()
    }
}

/// Where the running generation is found.
#[derive(Debug, Default)]
pub(crate) struct Current {
    number: AtomicU64,
    generation: Mutex<Arc<Generation>>,
}

impl Current {
    /// The running generation.
    pub(crate) fn load(&self) -> Arc<Generation> {
        let generation = self.generation.lock();
        Arc::clone(&generation.unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a generation in place; requests that began before keep theirs.
    pub(crate) fn store(&self, generation: Generation) {
        let number = generation.number;
        let mut place = self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *place, Arc::new(generation));
        self.number.store(number, Ordering::Release);
        drop(place);
        drop(old);
    }
}

/// A worker's own copy of the pointer to the running generation.
///
/// Reading it costs one atomic load; the reference count that requests share is the worker's own.
#[derive(Debug)]
pub(crate) struct Local {
    current: Arc<Current>,
    copy: Mutex<Arc<Pinned>>,
}

/// A generation that requests of one worker hold on to.
#[derive(Debug)]
pub(crate) struct Pinned(Arc<Generation>);

impl std::ops::Deref for Pinned {
    type Target = Generation;

    fn deref(&self) -> &Generation {
        &self.0
    }
}

impl Local {
    pub(crate) fn new(current: Arc<Current>) -> Self {
        let copy = Mutex::new(Arc::new(Pinned(current.load())));
        Self { current, copy }
    }

    /// The running generation.
    pub(crate) fn load(&self) -> Arc<Pinned> {
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        if copy.number != self.current.number.load(Ordering::Acquire) {
            *copy = Arc::new(Pinned(self.current.load()));
        }
        Arc::clone(&copy)
    }
}
