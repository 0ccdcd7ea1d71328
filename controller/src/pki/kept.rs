//! Everything that is kept, as it was read.

use std::collections::BTreeMap;

use portreeve_identity::Role;

use super::HomeError;
use super::entry::Entry;
use super::homes::{Home, Version};
use super::material::Material;

/// What there is at home.
pub(super) struct Kept {
    pub(super) material: Material,
    pub(super) versions: BTreeMap<Entry, Version>,
    /// What there may be, and why that is not known.
    pub(super) unread: BTreeMap<Entry, HomeError>,
}

impl Kept {
    /// Reads everything. What cannot be read of a role holds up only what concerns it: the roles
    /// before it are seen to first.
    pub(super) async fn read(home: &Home, namespace: &str) -> Result<Self, HomeError> {
        // Nothing can be said of the others without it.
        let (files, version) = home.load(Entry::Authority).await?;
        let mut kept = Self {
            material: Material::of(namespace),
            versions: BTreeMap::from([(Entry::Authority, version)]),
            unread: BTreeMap::new(),
        };
        kept.material.take(Entry::Authority, &files);
        for entry in Role::ALL.map(Entry::Leaf) {
            match home.load(entry).await {
                Ok((files, version)) => {
                    kept.material.take(entry, &files);
                    kept.versions.insert(entry, version);
                }
                Err(error) => drop(kept.unread.insert(entry, error)),
            }
        }
        Ok(kept)
    }
}
