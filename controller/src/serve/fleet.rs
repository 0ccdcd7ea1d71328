//! Which proxies there are and what each of them has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_table::{Delta, Hello, Told};
use serde::{Serialize, Serializer};

use super::peer::Ended;
use crate::say::say;

/// Why somebody was not given a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No certificate, or not a proxy's, or no handshake in time.
    Certificate,
    /// It asked for something else than a session.
    Request,
    /// We have not heard from the Kubernetes API for too long.
    Stale,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Certificate, Self::Request, Self::Stale];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// The connected proxies.
#[derive(Debug, Default)]
pub struct Fleet {
    next: AtomicU64,
    members: Mutex<BTreeMap<u64, Seen>>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

/// What is known of one proxy.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// What it calls itself.
    pub node: Box<str>,
    /// Where it connected from.
    pub address: SocketAddr,
    /// Since when, in seconds since 1970.
    #[serde(serialize_with = "seconds")]
    pub since: SystemTime,
    /// Which schema it speaks.
    pub schema: u32,
    /// The number of the publication that it has taken; 0 for none.
    pub has: u64,
    /// What it could not take, by the names of resources.
    pub rejected: BTreeMap<Box<str>, String>,
}

fn seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(UNIX_EPOCH);
    serializer.serialize_u64(since.map_or(0, |since| since.as_secs()))
}

/// One proxy's place in the fleet, until it is dropped.
#[derive(Debug)]
pub(super) struct Member {
    fleet: Arc<Fleet>,
    number: u64,
}

impl Fleet {
    /// The connected proxies, by when they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().values().cloned().collect()
    }

    /// How often somebody was refused for this reason.
    pub fn refusals(&self, refusal: Refusal) -> u64 {
        let count = self.refused.get(refusal as usize);
        count.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        if let Some(count) = self.refused.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn join(self: &Arc<Self>, address: SocketAddr) -> Member {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seen = Seen {
            node: "".into(),
            address,
            since: SystemTime::now(),
            schema: 0,
            has: 0,
            rejected: BTreeMap::new(),
        };
        self.lock().insert(number, seen);
        Member {
            fleet: Arc::clone(self),
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Seen>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        self.fleet.lock().get_mut(&self.number).map(note);
    }

    pub(super) fn said_hello(&self, hello: &Hello) {
        self.note(|seen| {
            seen.node.clone_from(&hello.node);
            seen.schema = hello.schema;
        });
    }

    pub(super) fn has(&self, number: u64) {
        self.note(|seen| seen.has = number);
    }

    /// Notes what it could not take of `delta`; what it was told anew, it has taken otherwise.
    pub(super) fn rejected(&self, delta: &Delta, rejected: Vec<Told>) {
        self.note(|seen| {
            let told = delta.upsert.keys().chain(&delta.remove);
            let told: BTreeSet<_> = told.map(ToString::to_string).collect();
            seen.rejected.retain(|key, _| !told.contains(&**key));
            let rejected = rejected.into_iter().map(|told| (told.key, told.error));
            seen.rejected.extend(rejected);
        });
    }

    pub(super) fn leave(&self, ended: &Ended) {
        self.note(|seen| {
            say(format_args!(
                "proxy {} at {}: {ended}",
                seen.node, seen.address
            ))
        });
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.fleet.lock().remove(&self.number);
    }
}
