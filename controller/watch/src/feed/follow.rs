//! The changes of one kind after a list of it.

use futures_util::StreamExt;
use kube::Resource;
use kube::api::WatchEvent;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, Instant, timeout_at};

use super::error::Error;
use super::list::Start;
use super::{Feed, Watch};
use crate::trim::Trim;

/// How many watches in a row a server may end with nothing in them before it is asked for a list:
/// there are states in which it never goes on from a version, such as after it was set back.
const STRIKES: u32 = 3;

/// A watch that ends sooner and with nothing in it is not as it should be.
const SHORT: Duration = Duration::from_secs(1);

impl<K> Feed<K>
where
    K: Trim + Resource<DynamicType = ()> + Clone + DeserializeOwned + Send + Sync + 'static,
{
    /// Tells of every change, until only a list can tell; gives why.
    pub(super) async fn follow(&mut self, start: Start<K>) -> Error {
        let Start {
            mut version,
            mut watch,
        } = start;
        let mut strikes = 0;
        loop {
            let before = version.clone();
            let ended = match watch.take() {
                Some(watch) => self.drain(watch, &mut version).await,
                None => self.resume(&mut version).await,
            };
            if version != before {
                strikes = 0;
            }
            let Err(error) = ended else {
                strikes = 0;
                continue;
            };
            strikes += u32::from(error.is_by_server());
            if error.needs_list() || strikes >= STRIKES {
                return error;
            }
            if matches!(error, Error::Unreached(_)) {
                self.watches.in_vain();
            }
            self.teller.failed(&error);
        }
    }

    async fn resume(&mut self, version: &mut String) -> Result<(), Error> {
        self.watches.turn().await;
        let watch = self.watch(version, false).await?;
        self.teller.heard();
        let (began, before) = (Instant::now(), version.clone());
        self.drain(watch, version).await?;
        match began.elapsed() < SHORT && *version == before {
            true => Err(Error::Short),
            false => Ok(()),
        }
    }

    /// Tells of the changes in a watch, to its end.
    async fn drain(&mut self, mut watch: Watch<K>, version: &mut String) -> Result<(), Error> {
        loop {
            let event = timeout_at(watch.until, watch.events.next()).await;
            let Some(event) = event.map_err(|_| Error::Silent)? else {
                return Ok(());
            };
            let event = event?;
            if let WatchEvent::Error(status) = event {
                return Err(Error::Answer(status));
            }
            self.teller.heard();
            let now = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let now = object.meta().resource_version.clone();
                    self.present(object).await?;
                    now
                }
                WatchEvent::Deleted(object) => {
                    self.gone(&object).await?;
                    object.meta().resource_version.clone()
                }
                WatchEvent::Bookmark(bookmark) => Some(bookmark.metadata.resource_version),
                WatchEvent::Error(_) => None,
            };
            if let Some(now) = now.filter(|now| !now.is_empty()) {
                *version = now;
            }
        }
    }
}
