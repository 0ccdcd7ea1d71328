//! What events come to: what is known of each kind, what of it counts, and what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portreeve_translate::{Content, Kind, ObjectKey, Snapshot};

use crate::changed::Changed;
use crate::event::{Event, Message, Present, Version};
use crate::health::Health;
use crate::known::{Effect, Known};
use crate::view::View;
use crate::watched::Watched;

/// Everything that is known.
pub(crate) struct Facts {
    known: BTreeMap<Watched, Known>,
    view: View,
    /// Whether every kind was known whole once.
    is_whole: bool,
    health: Health,
}

impl Facts {
    pub(crate) fn new(kinds: &[Watched], view: View, health: Health) -> Self {
        let known = kinds.iter().map(|kind| (*kind, Known::default()));
        Self {
            known: known.collect(),
            view,
            is_whole: false,
            health,
        }
    }

    /// What changed since the last time, if anything did and everything is known.
    pub(crate) fn changed(&mut self) -> Option<Changed> {
        let tell = self.is_whole && !self.view.changed.is_empty();
        tell.then(|| std::mem::take(&mut self.view.changed))
    }

    /// What counts, when everything is known.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.is_whole.then(|| self.view.snapshot().clone())
    }

    pub(crate) fn known(&self, kind: Kind) -> Option<&Known> {
        self.known.get(&Watched::Kind(kind))
    }

    /// Whether an object is in the snapshot, if there is such an object.
    pub(crate) fn counts(&self, kind: Kind, key: &ObjectKey) -> bool {
        self.view.has(Watched::Kind(kind), key)
    }

    /// The namespaces that count, where not all do.
    pub(crate) fn namespaces(&self) -> BTreeSet<Box<str>> {
        self.view.namespaces()
    }

    /// Takes in what happened.
    pub(crate) fn apply(&mut self, Message { kind, event }: Message) {
        match event {
            Event::Begin => drop(self.known.get_mut(&kind).map(Known::begin)),
            Event::Present(key, version, now) => self.present(kind, key, version, *now),
            Event::Gone(key, version) => self.gone(kind, &key, &version),
            Event::End => self.end(kind),
        }
        let objects = self.known.get(&kind).map_or(0, Known::len);
        if let Some(vitals) = self.health.vitals(kind) {
            vitals.update(|health| health.objects = objects);
        }
    }

    fn present(&mut self, kind: Watched, key: ObjectKey, version: Version, now: Present) {
        let Some(known) = self.known.get_mut(&kind) else {
            return;
        };
        let effect = known.present(key.clone(), version, now);
        let counts = self.view.has(kind, &key);
        match effect {
            Effect::Content(before) => {
                let is_new = before.is_none();
                if let Some(now) = known.get(&key).filter(|_| counts) {
                    self.view.put(before.as_ref(), &now.object.content);
                    self.view.changed.note_status(kind.kind());
                }
                if kind == Watched::Kind(Kind::Namespace) && is_new {
                    self.let_in(&key, true);
                }
            }
            // The Service that leads to the proxies may be in a namespace that does not count.
            Effect::Status if counts || kind == Watched::Kind(Kind::Service) => {
                self.view.changed.note_status(kind.kind());
            }
            Effect::Stale => self.stale(kind),
            Effect::Status | Effect::None => {}
        }
    }

    fn gone(&mut self, kind: Watched, key: &ObjectKey, version: &Version) {
        let Some(known) = self.known.get_mut(&kind) else {
            return;
        };
        match known.gone(key, version) {
            Effect::Content(before) => self.forget(kind, key, before.as_ref()),
            Effect::Stale => self.stale(kind),
            Effect::Status | Effect::None => {}
        }
    }

    /// A list is whole.
    fn end(&mut self, kind: Watched) {
        let gone = self.known.get_mut(&kind).map(Known::end);
        for (key, entry) in gone.into_iter().flatten() {
            self.forget(kind, &key, Some(&entry.object.content));
        }
        if let Some(vitals) = self.health.vitals(kind) {
            vitals.update(|health| health.synced = true);
        }
        if !self.is_whole && self.known.values().all(Known::is_synced) {
            self.is_whole = true;
            self.view.changed.routes = true;
            self.view.changed.status = true;
        }
    }

    fn forget(&mut self, kind: Watched, key: &ObjectKey, before: Option<&Content>) {
        if kind == Watched::Kind(Kind::Namespace) {
            self.let_in(key, false);
        }
        if let Some(before) = before.filter(|_| self.view.has(kind, key)) {
            self.view.remove(kind.kind(), key, before);
            self.view.changed.note_status(kind.kind());
        }
    }

    /// A namespace counts from now on, or no longer, and with it all that is in it.
    fn let_in(&mut self, namespace: &ObjectKey, counts: bool) {
        if !self.view.let_in(&namespace.name, counts) {
            return;
        }
        // One with nothing in it is news, too: it is asked about before anything is in it.
        self.view.changed.routes = true;
        let known = self.known.iter();
        for (&kind, known) in known.filter(|(kind, _)| !kind.is_everybodys()) {
            for (key, entry) in known.within(&namespace.name) {
                let content = &entry.object.content;
                match counts {
                    true => self.view.put(None, content),
                    false => self.view.remove(kind.kind(), key, content),
                }
                self.view.changed.note_status(kind.kind());
            }
        }
    }

    fn stale(&self, kind: Watched) {
        if let Some(vitals) = self.health.vitals(kind) {
            vitals.update(|health| health.stale += 1);
        }
    }
}
