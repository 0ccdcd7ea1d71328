//! The record of one want together with the version that it was read or written at.

use crate::record::Record;
use crate::store::{Store, StoreError, Version};
use crate::want::{Want, WantId};

/// The record of one want, as it is in the store.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: WantId,
    pub(crate) record: Record,
    version: Option<Version>,
}

impl Entry {
    /// Reads what is kept of a want; of one that came back, that it is wanted again is kept.
    pub(crate) async fn load(store: &impl Store, want: &Want) -> Result<Self, StoreError> {
        let id = want.id();
        let (record, version) = match store.record(&id).await? {
            Some((record, version)) => (record, Some(version)),
            None => (Record::new(want), None),
        };
        let mut entry = Self {
            id,
            record,
            version,
        };
        if entry.record.unwanted.take().is_some() {
            entry.save(store).await?;
        }
        Ok(entry)
    }

    /// Writes it, if nobody else has since it was read.
    pub(crate) async fn save(&mut self, store: &impl Store) -> Result<(), StoreError> {
        let version = store
            .put_record(&self.id, &self.record, self.version.as_ref())
            .await?;
        self.version = Some(version);
        Ok(())
    }
}
