//! What becomes of a certificate that nobody wants any more: it stays, and is not renewed.
//!
//! Only where an administrator asked for it is it taken away, and only what bears our mark.
//! What is kept of it besides is forgotten in any case, so that there is no more of it every year.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_table::{CertKey, Origin};

use crate::authority::Connect;
use crate::budget::counts;
use crate::engine::Engine;
use crate::held::Held;
use crate::record::Record;
use crate::store::{Kept, Store, StoreError};
use crate::want::{Want, WantId};

/// After this, what is kept of a want says nothing that matters: its order and its budget are over.
const STALE: Duration = Duration::from_secs(8 * 24 * 3600);

/// What is to be done about a want that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is noted that nobody has it.
    Note,
    /// Nothing, for now.
    Stay,
    /// What is kept of it is taken away.
    Forget,
    /// Its certificate is taken away as well.
    Prune,
}

/// What is to be done. `elsewhere` is whether its Secret is now another want's.
pub(crate) fn end(
    now: Timestamp,
    record: &Record,
    elsewhere: bool,
    prune_after: Option<Duration>,
) -> End {
    // What began in the future was noted by a clock that was wrong.
    let Some(since) = record.unwanted.filter(|since| *since <= now) else {
        return End::Note;
    };
    let stale = !counts(now, since, STALE);
    match prune_after {
        _ if elsewhere && stale => End::Forget,
        None if stale => End::Forget,
        Some(after) if !elsewhere && !counts(now, since, after) => End::Prune,
        _ => End::Stay,
    }
}

impl<S: Store, D, C: Connect> Engine<S, D, C> {
    /// Sees to everything that is kept of what nobody in `wants` has. What fails of one keeps nobody
    /// from the next, and is tried again the next time.
    pub(crate) async fn retire(&self, wants: &[Want]) -> Result<(), StoreError> {
        let wanted: BTreeSet<WantId> = wants.iter().map(Want::id).collect();
        let secrets: BTreeSet<&CertKey> = wants.iter().map(|want| &want.secret).collect();
        for id in self.store.records().await? {
            if !wanted.contains(&id) {
                let _ = self.retire_one(&id, &secrets).await;
            }
        }
        Ok(())
    }

    async fn retire_one(
        &self,
        id: &WantId,
        secrets: &BTreeSet<&CertKey>,
    ) -> Result<(), StoreError> {
        let Some((mut record, version)) = self.store.record(id).await? else {
            return Ok(());
        };
        let (now, elsewhere) = (self.now(), secrets.contains(&record.secret));
        match end(now, &record, elsewhere, self.policy.prune_after) {
            End::Stay => return Ok(()),
            End::Note => {
                self.store.put_challenges(id, &nobody(&record), &[]).await?;
                record.unwanted = Some(now);
                let version = Some(&version);
                return self.store.put_record(id, &record, version).await.map(drop);
            }
            End::Forget => {}
            End::Prune => self.prune(&record).await?,
        }
        self.store.remove_record(id).await
    }

    /// Takes the certificate away, if what is there is still the one for these names.
    async fn prune(&self, record: &Record) -> Result<(), StoreError> {
        let Kept::Ours { chain, .. } = self.store.certificate(&record.secret).await? else {
            return Ok(());
        };
        match Held::read(&chain) {
            Ok(held) if held.names == record.names => {
                self.store.remove_certificate(&record.secret).await
            }
            _ => Ok(()),
        }
    }
}

/// Whom to name where there is nothing left to be answered.
fn nobody(record: &Record) -> Origin {
    Origin {
        namespace: record.secret.namespace.clone(),
        name: record.secret.secret.clone(),
    }
}

#[cfg(test)]
mod tests;
