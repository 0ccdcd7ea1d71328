//! The endpoints of an upstream: what is configured about them and what is known of them.
//!
//! What is known (requests in flight, latency) is shared by all workers and carried over from one
//! configuration to the next for as long as an address stays.
//! Nothing here dials, reads a clock or changes what was configured.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use portreeve_table::Stage;
use rustc_hash::FxHashMap;

use super::affinity::Session;
use super::balance::{Latency, Turns, stable_hash};

/// What is known of one endpoint, shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct EndpointState {
    in_flight: AtomicU32,
    latency: Latency,
}

/// A request that an endpoint is busy with, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<EndpointState>);

impl EndpointState {
    /// Counts one more request until the answer is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// How many requests it is busy with, over all workers.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Notes that an answer took `latency_micros`. A failure should be noted too, as slow.
    pub(crate) fn observe(&self, latency_micros: u64, now_micros: u64) {
        self.latency.observe(latency_micros, now_micros);
    }

    /// Its usual latency in microseconds; `None` until something was observed.
    pub(crate) fn latency(&self, now_micros: u64) -> Option<f64> {
        self.latency.at(now_micros)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One endpoint as configured, with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its share relative to its siblings; 0 takes no new requests.
    pub(crate) weight: u16,
    /// Whether it takes new requests.
    pub(crate) stage: Stage,
    /// What is known of it.
    pub(crate) state: Arc<EndpointState>,
    /// A hash of the address: the same on every replica.
    pub(super) hash: u64,
    /// Its name in the cookies of persistent sessions.
    pub(super) session: Session,
}

impl Endpoint {
    fn new(configured: &portreeve_table::Endpoint, state: Arc<EndpointState>) -> Self {
        Self {
            address: configured.address,
            weight: configured.weight,
            stage: configured.stage,
            state,
            hash: address_hash(configured.address),
            session: Session::of_endpoint(configured.address),
        }
    }
}

fn address_hash(address: SocketAddr) -> u64 {
    let port = stable_hash(&address.port().to_be_bytes());
    port ^ match address.ip() {
        IpAddr::V4(ip) => stable_hash(&ip.octets()),
        IpAddr::V6(ip) => stable_hash(&ip.octets()),
    }
}

/// The endpoints of one upstream as of one configuration.
#[derive(Debug, Default)]
pub(crate) struct EndpointSet {
    endpoints: Box<[Endpoint]>,
    /// The indices of those that take new requests.
    pub(super) candidates: Box<[usize]>,
    /// In which order the candidates take turns.
    pub(super) turns: Turns,
    /// Which turn is next; shared with the sets before and after this one.
    pub(super) cursor: Arc<AtomicUsize>,
}

impl EndpointSet {
    /// The endpoints of a configuration, with what the previous one knew of the same addresses.
    ///
    /// An address that is configured twice counts once, as it was configured first.
    pub(crate) fn new(endpoints: &[portreeve_table::Endpoint], previous: Option<&Self>) -> Self {
        let known = previous.into_iter().flat_map(Self::endpoints);
        let mut known: FxHashMap<_, _> = known.map(|e| (e.address, Some(&e.state))).collect();
        let mut set = Vec::with_capacity(endpoints.len());
        for configured in endpoints {
            // What is left in the map says which addresses were already taken.
            match known.insert(configured.address, None) {
                Some(None) => {}
                Some(Some(state)) => set.push(Endpoint::new(configured, Arc::clone(state))),
                None => set.push(Endpoint::new(configured, Arc::default())),
            }
        }
        let candidates = candidates(&set);
        let weights = candidates.iter().filter_map(|i| set.get(*i));
        let turns = Turns::new(weights.map(|endpoint| endpoint.weight));
        Self {
            endpoints: set.into(),
            candidates,
            turns,
            cursor: previous.map_or_else(Arc::default, |set| Arc::clone(&set.cursor)),
        }
    }

    /// All of them, those that take no new requests included.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }
}

/// The ready endpoints; when there is none, those that are going but still serve.
fn candidates(endpoints: &[Endpoint]) -> Box<[usize]> {
    let at = |stage: Stage| -> Box<[usize]> {
        let numbered = endpoints.iter().enumerate();
        let taking = numbered.filter(|(_, e)| e.weight > 0 && e.stage == stage);
        taking.map(|(index, _)| index).collect()
    };
    let ready = at(Stage::Ready);
    if ready.is_empty() {
        at(Stage::Draining)
    } else {
        ready
    }
}
