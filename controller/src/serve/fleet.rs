//! Which proxies there are and what each of them has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_table::{Delta, Hello, Origin, Told};
use serde::{Serialize, Serializer};
use tokio::sync::watch;

use super::peer::Ended;
use super::refusal::Refusal;
use crate::say::say;

/// How many resources that one proxy rejects are remembered, how many reasons for each, and how much
/// of one, in characters: a proxy says what it likes.
const MANY: usize = 1000;
const REASONS: usize = 20;
const LONGEST: usize = 500;
/// How many are written to the log at once.
const SAID: usize = 20;

/// The connected proxies.
#[derive(Debug, Default)]
pub struct Fleet {
    next: AtomicU64,
    members: Mutex<BTreeMap<u64, Seen>>,
    refused: [AtomicU64; Refusal::ALL.len()],
    /// How often something was rejected.
    rejections: AtomicU64,
    /// Told when something is rejected that was not, or not any more.
    changed: watch::Sender<()>,
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
    pub rejected: BTreeMap<Box<str>, Vec<Rejection>>,
}

/// Something of a resource that a proxy could not take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rejection {
    /// The Ingress whose route it is, when it is not all of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Why.
    pub error: String,
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

    /// How often a proxy could not take something.
    pub fn rejections(&self) -> u64 {
        self.rejections.load(Ordering::Relaxed)
    }

    /// What proxies do not take now, by the names of resources.
    pub fn rejected(&self) -> BTreeMap<Box<str>, BTreeSet<Rejection>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for seen in self.lock().values() {
            for (key, found) in &seen.rejected {
                let known = all.entry(key.clone()).or_default();
                known.extend(found.iter().cloned());
            }
        }
        all
    }

    /// What tells when [`Self::rejected`] changes.
    pub(crate) fn rejected_changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
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
    pub(super) fn took(&self, delta: &Delta, rejected: Vec<Told>) {
        let (mut is_news, count) = (!rejected.is_empty(), rejected.len() as u64);
        self.fleet.rejections.fetch_add(count, Ordering::Relaxed);
        self.note(|seen| {
            let told = delta.upsert.keys().chain(&delta.remove);
            let told: BTreeSet<_> = told.map(ToString::to_string).collect();
            let before = seen.rejected.len();
            seen.rejected.retain(|key, _| !told.contains(&**key));
            is_news |= before != seen.rejected.len();
            let mut said = 0;
            for told in rejected.into_iter().take(MANY) {
                let (key, error) = (told.key.clone(), told.error.clone());
                if seen.note(told) && said < SAID {
                    seen.say(&key, &error);
                    said += 1;
                }
            }
        });
        if is_news {
            self.fleet.changed.send_replace(());
        }
    }

    pub(super) fn leave(&self, ended: &Ended) {
        if matches!(ended, Ended::TooFar(_)) {
            self.fleet.refuse(Refusal::Schema);
        }
        self.note(|seen| {
            say(format_args!(
                "proxy {} at {}: {ended}",
                plain(&seen.node),
                seen.address
            ))
        });
    }
}

impl Seen {
    /// Notes what it could not take; says whether that is new.
    fn note(&mut self, told: Told) -> bool {
        let rejection = Rejection {
            origin: told.origin,
            error: plain(&told.error),
        };
        if !self.rejected.contains_key(&told.key) && self.rejected.len() >= MANY {
            return false;
        }
        let found = self.rejected.entry(told.key).or_default();
        let is_new = found.len() < REASONS && !found.contains(&rejection);
        if is_new {
            found.push(rejection);
        }
        is_new
    }

    /// Writes what it rejects to the log.
    fn say(&self, key: &str, error: &str) {
        let (node, address, key) = (plain(&self.node), self.address, plain(key));
        let error = plain(error);
        say(format_args!(
            "proxy {node} at {address} rejects {key}: {error}"
        ));
    }
}

/// A text of a proxy's as it may stand in a log: of one line, and not longer than is read.
fn plain(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST).collect()
}

impl Drop for Member {
    fn drop(&mut self) {
        let left = self.fleet.lock().remove(&self.number);
        if left.is_some_and(|seen| !seen.rejected.is_empty()) {
            self.fleet.changed.send_replace(());
        }
    }
}
