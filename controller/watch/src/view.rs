//! What of all that is known counts: the snapshot, and the namespaces that are in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use portreeve_translate::{Content, Kind, Object, ObjectKey, Snapshot};

use crate::changed::Changed;
use crate::watched::Watched;

/// The objects that count.
pub(crate) struct View {
    snapshot: Arc<Snapshot>,
    /// The namespaces that count; all do when they are not watched.
    namespaces: Option<BTreeSet<Box<str>>>,
    /// Whether Namespaces themselves are translated, and not only watched.
    has_namespaces: bool,
    /// What changed since it was last taken.
    pub changed: Changed,
}

impl View {
    pub(crate) fn new(snapshot: Snapshot, by_namespace: bool, has_namespaces: bool) -> Self {
        Self {
            snapshot: Arc::new(snapshot),
            namespaces: by_namespace.then(BTreeSet::new),
            has_namespaces,
            changed: Changed::default(),
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(crate) fn namespaces(&self) -> BTreeSet<Box<str>> {
        self.namespaces.clone().unwrap_or_default()
    }

    /// Whether an object counts.
    pub(crate) fn has(&self, kind: Watched, key: &ObjectKey) -> bool {
        let counts = |all: &BTreeSet<_>| all.contains(&key.namespace);
        match kind {
            // Those that do not count are not even listed.
            Watched::Kind(Kind::Namespace) => self.has_namespaces,
            kind => kind.is_everybodys() || self.namespaces.as_ref().is_none_or(counts),
        }
    }

    /// Takes an object in place of what it was before.
    pub(crate) fn put(&mut self, before: Option<&Content>, now: &Content) {
        if let Some(before) = before {
            self.changed.note(before);
        }
        let (source, content) = (None, now.clone());
        Arc::make_mut(&mut self.snapshot).insert(Object { source, content });
        self.changed.note(now);
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, kind: Kind, key: &ObjectKey, before: &Content) {
        Arc::make_mut(&mut self.snapshot).remove(kind, key);
        self.changed.note(before);
    }

    /// Notes whether a namespace counts from now on, and says whether that is news.
    pub(crate) fn let_in(&mut self, namespace: &str, counts: bool) -> bool {
        let Some(namespaces) = &mut self.namespaces else {
            return false;
        };
        match counts {
            true => namespaces.insert(namespace.into()),
            false => namespaces.remove(namespace),
        }
    }
}
