//! Every object of one kind that the API server has, as far as it said.

use std::collections::BTreeMap;

use portreeve_translate::{Content, ObjectKey};

use crate::event::{Present, Trimmed, Version};

/// The objects of one kind.
#[derive(Default)]
pub(crate) struct Known {
    objects: BTreeMap<ObjectKey, Entry>,
    /// Counts lists: objects have the number of the last one that they are known since.
    list: u64,
    listing: bool,
    synced: bool,
}

/// An object.
pub(crate) struct Entry {
    pub object: Trimmed,
    pub version: Version,
    list: u64,
}

/// What an event comes to.
pub(crate) enum Effect {
    /// Nothing that anybody reads is other than before.
    None,
    /// The event is older than what is known.
    Stale,
    /// The content is another; this is what it was.
    Content(Option<Content>),
    /// Only the status is another.
    Status,
}

impl Known {
    /// Whether it was ever known whole.
    pub(crate) fn is_synced(&self) -> bool {
        self.synced
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<&Entry> {
        self.objects.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Entry)> {
        self.objects.iter()
    }

    /// The objects in a namespace.
    pub(crate) fn within<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Entry)> {
        let from = ObjectKey::new(namespace, "");
        let objects = self.objects.range(from..);
        objects.take_while(move |(key, _)| &*key.namespace == namespace)
    }

    /// A list begins.
    pub(crate) fn begin(&mut self) {
        self.list += 1;
        self.listing = true;
    }

    /// The list is whole: gives what it did not name.
    pub(crate) fn end(&mut self) -> Vec<(ObjectKey, Entry)> {
        self.listing = false;
        self.synced = true;
        let list = self.list;
        let gone = self.objects.extract_if(.., |_, entry| entry.list != list);
        gone.collect()
    }

    /// There is such an object.
    ///
    /// A list is what is true, whatever was known before, as the API server may have been set back;
    /// after it, what is older than what is known comes too late.
    pub(crate) fn present(&mut self, key: ObjectKey, version: Version, now: Present) -> Effect {
        let list = self.list;
        let Some(entry) = self.objects.get_mut(&key) else {
            let Present::Read(object) = now else {
                return Effect::None;
            };
            let entry = Entry {
                object,
                version,
                list,
            };
            self.objects.insert(key, entry);
            return Effect::Content(None);
        };
        if !self.listing && version.is_before(&entry.version) {
            return Effect::Stale;
        }
        entry.list = list;
        entry.version = version;
        match now {
            Present::Read(object) => entry.take(object),
            Present::Unreadable => Effect::None,
        }
    }

    /// An object is gone.
    pub(crate) fn gone(&mut self, key: &ObjectKey, version: &Version) -> Effect {
        match self.objects.get(key) {
            None => Effect::None,
            Some(entry) if !self.listing && version.is_before(&entry.version) => Effect::Stale,
            Some(_) => {
                let entry = self.objects.remove(key);
                Effect::Content(entry.map(|entry| entry.object.content))
            }
        }
    }
}

impl Entry {
    /// Keeps what is equal, which may be shared already and may have been read at some cost.
    fn take(&mut self, new: Trimmed) -> Effect {
        self.object.generation = new.generation;
        let status = std::mem::replace(&mut self.object.status, new.status);
        let has_new_status = status != self.object.status;
        let is_same = is_same(&self.object.content, &new.content);
        match (is_same, has_new_status) {
            (false, _) => {
                let old = std::mem::replace(&mut self.object.content, new.content);
                Effect::Content(Some(old))
            }
            (true, true) => Effect::Status,
            (true, false) => Effect::None,
        }
    }
}

fn is_same(old: &Content, new: &Content) -> bool {
    match (old, new) {
        (Content::Ingress(old), Content::Ingress(new)) => old == new,
        (Content::IngressClass(old), Content::IngressClass(new)) => old == new,
        (Content::Service(old), Content::Service(new)) => old == new,
        (Content::EndpointSlice(old), Content::EndpointSlice(new)) => old == new,
        (Content::ConfigMap(old), Content::ConfigMap(new)) => old == new,
        (Content::Namespace(old), Content::Namespace(new)) => old == new,
        (Content::Secret(old), Content::Secret(new)) => old.secret() == new.secret(),
        _ => false,
    }
}
