//! Which proxies there are and what each of them has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_table::{Delta, Have, Hello, Origin, ResourceKey, ToController, Told};
use serde::{Serialize, Serializer};
use tokio::sync::watch;

use super::peer::Ended;
use super::refusal::Refusal;
use portreeve_process::say;

/// How many rejections of one proxy are remembered: a proxy says what it likes.
const MANY: usize = 1000;
/// How many of them for one resource.
const REASONS: usize = 20;
/// How much of one text of a proxy's, in characters.
const LONGEST: usize = 500;
/// How long a name can be that a proxy says, in bytes: the longest of ours has a namespace and a
/// Secret in it, and is not half as long.
const NAME: usize = 512;
/// How many rejections are written to the log at once.
const SAID: usize = 20;

/// The connected proxies.
#[derive(Debug, Default)]
pub struct Fleet {
    next: AtomicU64,
    members: Mutex<BTreeMap<u64, Seen>>,
    refused: [AtomicU64; Refusal::ALL.len()],
    /// How often something was rejected.
    rejections: AtomicU64,
    /// Told when something is rejected or refused that was not, or not any more.
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
    /// What it could not take of what it was told.
    pub rejected: BTreeMap<ResourceKey, Vec<Rejection>>,
    /// The upstreams whose external names lead where no request may be sent, and what that is.
    pub refused: BTreeMap<ResourceKey, String>,
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

    /// What proxies do not take now.
    pub fn rejected(&self) -> BTreeMap<ResourceKey, BTreeSet<Rejection>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for seen in self.lock().values() {
            for (key, found) in &seen.rejected {
                let known = all.entry(key.clone()).or_default();
                known.extend(found.iter().cloned());
            }
        }
        all
    }

    /// The upstreams whose external names lead where no request may be sent, as proxies resolve
    /// them, and what that is.
    pub(crate) fn refused(&self) -> BTreeMap<ResourceKey, BTreeSet<String>> {
        let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for seen in self.lock().values() {
            for (key, why) in &seen.refused {
                all.entry(key.clone()).or_default().insert(why.clone());
            }
        }
        all
    }

    /// How many resources of each kind proxies do not take now, by the name of the kind.
    pub(crate) fn rejected_by_kind(&self) -> [(&'static str, usize); 4] {
        let members = self.lock();
        let keys = members.values().flat_map(|seen| seen.rejected.keys());
        let keys: BTreeSet<_> = keys.collect();
        ["host", "upstream", "cert", "challenge"].map(|kind| {
            let of_kind = keys.iter().filter(|key| key.kind() == kind);
            (kind, of_kind.count())
        })
    }

    /// How many proxies are connected, how many of them have this publication, and how many could
    /// not take all of theirs.
    pub(crate) fn counts(&self, number: u64) -> [(&'static str, usize); 3] {
        let members = self.lock();
        let count = |what: fn(&Seen, u64) -> bool| {
            let them = members.values().filter(|seen| what(seen, number));
            them.count()
        };
        [
            ("all", members.len()),
            ("current", count(|seen, number| seen.has == number)),
            ("rejecting", count(|seen, _| !seen.rejected.is_empty())),
        ]
    }

    /// What tells when [`Self::rejected`] or [`Self::refused`] changes.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
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
            refused: BTreeMap::new(),
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
            seen.node = plain(&hello.node).into();
            seen.schema = hello.schema;
        });
    }

    pub(super) fn has(&self, number: u64) {
        self.note(|seen| seen.has = number);
    }

    /// Notes what it could not take of `delta`; what it was told anew, it has taken otherwise.
    /// `has` is what it was told in all: of anything else, nothing is noted.
    pub(super) fn took(&self, delta: &Delta, has: &Have, rejected: Vec<Told>) {
        let count = rejected.len() as u64;
        self.fleet.rejections.fetch_add(count, Ordering::Relaxed);
        let found = rejected.into_iter();
        let found: Vec<_> = found
            .filter_map(|told| rejection(told, has))
            .take(MANY)
            .collect();
        let mut is_news = false;
        self.note(|seen| {
            is_news = seen.forget(delta);
            let new = seen.add(found);
            is_news |= !new.is_empty();
            for (key, error) in new.iter().take(SAID) {
                seen.say(key, error);
            }
        });
        if is_news {
            self.fleet.changed.send_replace(());
        }
    }

    /// Notes what a proxy says unasked; what we do not know is of a newer one.
    pub(super) fn said(&self, said: ToController, has: &Have) {
        let Some(refused) = said.refused else {
            return;
        };
        let refused = refused.into_iter();
        let refused = refused.filter_map(|told| rejection(told, has)).take(MANY);
        let refused: BTreeMap<_, _> = refused.map(|(key, found)| (key, found.error)).collect();
        let mut is_news = false;
        self.note(|seen| {
            is_news = seen.refused != refused;
            seen.refused = refused;
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
                seen.node, seen.address
            ))
        });
    }
}

impl Seen {
    /// Forgets what it could not take of what it is told anew; says whether there was any.
    fn forget(&mut self, delta: &Delta) -> bool {
        let before = self.rejected.len();
        self.rejected
            .retain(|key, _| !delta.upsert.contains_key(key));
        for key in &delta.remove {
            self.rejected.remove(key);
        }
        before != self.rejected.len()
    }

    /// Notes what it could not take, as far as there is room; returns what of that is new.
    fn add(&mut self, found: Vec<(ResourceKey, Rejection)>) -> Vec<(ResourceKey, String)> {
        let all: usize = self.rejected.values().map(Vec::len).sum();
        let mut new = Vec::new();
        for (key, rejection) in found {
            if all + new.len() >= MANY {
                break;
            }
            let known = self.rejected.entry(key.clone()).or_default();
            if known.len() < REASONS && !known.contains(&rejection) {
                new.push((key, rejection.error.clone()));
                known.push(rejection);
            }
        }
        new
    }

    /// Writes what it rejects to the log.
    fn say(&self, key: &ResourceKey, error: &str) {
        let (node, address) = (&self.node, self.address);
        say(format_args!(
            "proxy {node} at {address} rejects {key}: {error}"
        ));
    }
}

/// What a proxy says of a resource that it has, and in names that there can be.
fn rejection(told: Told, has: &Have) -> Option<(ResourceKey, Rejection)> {
    let Told { key, origin, error } = told;
    let origins = origin.iter().flat_map(|it| [&it.namespace, &it.name]);
    if origins.chain([&key]).any(|name| name.len() > NAME) {
        return None;
    }
    let key: ResourceKey = key.parse().ok()?;
    let error = plain(&error);
    has.contains_key(&key)
        .then_some((key, Rejection { origin, error }))
}

/// A text of a proxy's as it may stand in a log: of one line, and not longer than is read.
fn plain(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST).collect()
}

impl Drop for Member {
    fn drop(&mut self) {
        let left = self.fleet.lock().remove(&self.number);
        if left.is_some_and(|seen| !seen.rejected.is_empty() || !seen.refused.is_empty()) {
            self.fleet.changed.send_replace(());
        }
    }
}
