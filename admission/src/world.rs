//! What is known of the cluster, and reviews by it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::core::admission::Operation;
use portreeve_translate::{Neighbours, Options, Snapshot};
use portreeve_watch::Store;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::missing::{OnMissing, is_missing, may_be_late};
use crate::object::{self, Unfit};
use crate::request::{Request, Resource};
use crate::review;
use crate::verdict::Verdict;

/// When an object is looked at again that misses what may have been created just now, a Service or a
/// Namespace with its list, or meets what may have been deleted: so few times that many who wait cost
/// little.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(1000),
];
/// How large an object may be that waits for one.
const WAITS: usize = 64 << 10;
/// How long changes are waited for that come together.
const TOGETHER: Duration = Duration::from_millis(20);

/// How large an object may be that is reviewed, in bytes, and how many objects, fields and items it may
/// have in it: small ones take many times their size. An Ingress of 1,000 paths is below both.
const OBJECT: usize = 256 << 10;
const PARTS: usize = 10_000;

/// Why an object is let pass that would take too much to review.
const TOO_LARGE: &str = "This object is too large to be reviewed before it is stored; what is wrong with it will be said in Events.";
/// Why an object is let pass that nothing is known about.
const NOT_SYNCED: &str =
    "Portreeve does not know this cluster's objects yet, so this object was not reviewed.";

/// What is known of the cluster.
#[derive(Debug)]
pub struct World {
    options: Options,
    on_missing: OnMissing,
    known: Mutex<Known>,
    /// Something became known.
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    snapshot: Option<Snapshot>,
    /// The namespaces that are served, if not all are.
    namespaces: Option<BTreeSet<Box<str>>>,
    neighbours: Neighbours,
}

impl World {
    /// A world of which nothing is known yet.
    pub fn new(options: Options, on_missing: OnMissing) -> Self {
        Self {
            options,
            on_missing,
            known: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// Follows a store for as long as the process lives.
    pub async fn follow(&self, mut store: Store) {
        loop {
            store.changed().await;
            if let Some(snapshot) = store.snapshot() {
                self.learn_of(Snapshot::clone(&snapshot), store.namespaces());
            }
            sleep(TOGETHER).await;
        }
    }

    /// From now on this is known of all namespaces.
    pub fn learn(&self, snapshot: Snapshot) {
        self.learn_of(snapshot, None);
    }

    /// From now on this is known, of these namespaces if not of all.
    pub fn learn_of(&self, snapshot: Snapshot, namespaces: Option<BTreeSet<Box<str>>>) {
        let mut known = self.known();
        known.neighbours.update(&snapshot);
        known.snapshot = Some(snapshot);
        known.namespaces = namespaces;
        drop(known);
        self.changes.send_replace(());
    }

    /// Whether anything is known.
    pub fn is_known(&self) -> bool {
        self.known().snapshot.is_some()
    }

    /// Reviews an object. A Service that it names and that is not there is waited for, because it may
    /// have been created a moment ago; so is a Namespace that would list its hosts. What another
    /// Ingress has may be free in a moment.
    pub(crate) async fn review(&self, request: &Request<'_>) -> Verdict {
        let start = Instant::now();
        let mut changes = self.changes.subscribe();
        let mut verdict = self.judge(request);
        for after in AGAIN {
            let is_small = request.object.is_none_or(|it| it.get().len() <= WAITS);
            let mut errors = verdict.errors().iter();
            if !is_small || !errors.any(|found| may_be_late(found.code)) {
                break;
            }
            sleep_until(start + after).await;
            // Nothing became known, so nothing is other than before.
            if changes.has_changed().unwrap_or(false) {
                changes.mark_unchanged();
                verdict = self.judge(request);
            }
        }
        verdict
    }

    /// Reviews an object by what is known now.
    fn judge(&self, request: &Request<'_>) -> Verdict {
        let is_written = matches!(request.operation, Operation::Create | Operation::Update);
        let Some(object) = request.object.filter(|_| is_written) else {
            return Verdict::Other;
        };
        let known = self.known();
        let Some(snapshot) = &known.snapshot else {
            return Verdict::Unknown(NOT_SYNCED);
        };
        let is_ours = request.resource != Resource::Other;
        if is_ours && is_too_large(object.get()) {
            return Verdict::Unknown(TOO_LARGE);
        }
        let verdict = match request.resource {
            Resource::Other => return Verdict::Other,
            Resource::Ingress => self.ingress(&known, snapshot, request, object),
            Resource::IngressClass => object::class(request, object)
                .map(|class| review::class(snapshot, class.into(), &self.options)),
            Resource::ConfigMap => object::config_map(request, object)
                .map(|map| review::settings(snapshot, map.into(), &self.options)),
        };
        verdict.unwrap_or_else(|unfit| match unfit {
            Unfit::Found(found) => Verdict::of(found),
            Unfit::Mismatched(why) => Verdict::Mismatched(why),
        })
    }

    fn ingress(
        &self,
        known: &Known,
        snapshot: &Snapshot,
        request: &Request<'_>,
        object: &RawValue,
    ) -> Result<Verdict, Unfit> {
        let candidate = object::ingress(request, object)?;
        // Of other namespaces nothing is known.
        let namespace = candidate.metadata.namespace.as_deref().unwrap_or_default();
        let served = known.namespaces.as_ref();
        if served.is_some_and(|served| !served.contains(namespace)) {
            return Ok(Verdict::Other);
        }
        let review = |ingress| review::ingress(snapshot, &known.neighbours, ingress, &self.options);
        let mut verdict = review(candidate);
        if self.on_missing == OnMissing::Warn {
            verdict = verdict.milder(|found| is_missing(found.code));
        }
        let Some(old) = request.old.filter(|_| !verdict.is_allowed()) else {
            return Ok(verdict);
        };
        // What could not be reviewed before may have had all of its mistakes already.
        let readable = (!is_too_large(old.get())).then(|| object::ingress(request, old));
        match readable {
            Some(Ok(old)) => Ok(verdict.against(&review(old))),
            Some(Err(_)) | None => Ok(verdict.milder(|_| true)),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing is half done when a review panics: what is known is only read then.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_too_large(object: &str) -> bool {
    object.len() > OBJECT || parts(object) > PARTS
}

/// How many objects, fields and items a text of JSON may have in it: brackets and commas that are in no
/// string.
fn parts(object: &str) -> usize {
    let (mut is_text, mut is_escaped, mut parts) = (false, false, 0);
    for byte in object.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b',' if !is_text => parts += 1,
            _ => {}
        }
    }
    parts
}
