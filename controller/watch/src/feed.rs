//! One kind: listed, then followed, again and again.
//!
//! `kube::runtime::watcher` does the same and more, but keeps bookmarks to itself, which are all
//! that is heard of a quiet cluster; asks again without a pause when a server ends watches at once;
//! loses what it cannot decode; and takes a list that is never said to be whole for a slow one.

mod error;
mod follow;
mod list;
mod teller;

use std::time::Duration;

use futures_util::stream::BoxStream;
use kube::Resource;
use kube::api::{Api, WatchEvent, WatchParams};
use portreeve_translate::ObjectKey;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use crate::event::{Event, Present, Version};
use crate::lenient::Lenient;
use crate::pace::{Pace, at_random};
use crate::trim::Trim;
use error::Error;
pub(crate) use teller::Teller;

/// How long a page of a list, or the beginning of a watch, may take.
const CALL: Duration = Duration::from_secs(30);

/// How long a watch lasts at least, and what is added at random. A connection that died without a
/// word is noticed when it should have ended.
const WATCH: Duration = Duration::from_secs(60);
const WATCH_MORE: Duration = Duration::from_secs(50);

/// How much later than it was asked to a server may end a watch.
const GRACE: Duration = Duration::from_secs(10);

/// Which objects of a kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub fields: Option<String>,
    pub labels: Option<String>,
}

/// Tells the store all about one kind.
pub(crate) struct Feed<K> {
    api: Api<Lenient<K>>,
    selector: Selector,
    may_be_forbidden: bool,
    teller: Teller,
    lists: Pace,
    watches: Pace,
    /// How the next list is asked for.
    style: list::Style,
    was_listed: bool,
}

/// A watch that goes on.
struct Watch<K> {
    events: BoxStream<'static, kube::Result<WatchEvent<Lenient<K>>>>,
    /// When it is over, whatever is heard.
    until: Instant,
}

/// Nobody wants to be told anything more.
struct Deaf;

impl<K> Feed<K>
where
    K: Trim + Resource<DynamicType = ()> + Clone + DeserializeOwned + Send + Sync + 'static,
{
    pub(crate) fn new(
        api: Api<Lenient<K>>,
        selector: Selector,
        may_be_forbidden: bool,
        teller: Teller,
    ) -> Self {
        Self {
            api,
            selector,
            may_be_forbidden,
            teller,
            lists: Pace::default(),
            watches: Pace::default(),
            style: list::Style::default(),
            was_listed: false,
        }
    }

    /// Goes on until nobody listens.
    pub(crate) async fn run(mut self) {
        loop {
            let failed = match self.list().await {
                Ok(start) => self.follow(start).await,
                Err(error) => error,
            };
            if matches!(failed, Error::Deaf) {
                return;
            }
            self.teller.failed(&failed);
            if matches!(failed, Error::Unreached(_)) {
                self.lists.in_vain();
            }
            if failed.is_forbidden() && self.may_be_forbidden && !self.was_listed {
                // As good as none, until it is allowed.
                self.teller.vitals.forbidden();
                let told = [Event::Begin, Event::End];
                for event in told {
                    self.teller.tell(event).await.ok();
                }
            }
        }
    }

    async fn watch(&self, version: &str, with_list: bool) -> Result<Watch<K>, Error> {
        let lasts = WATCH + at_random(WATCH_MORE);
        let params = WatchParams {
            label_selector: self.selector.labels.clone(),
            field_selector: self.selector.fields.clone(),
            timeout: Some(u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX)),
            bookmarks: true,
            send_initial_events: with_list,
        };
        let events = timeout(CALL, self.api.watch(&params, version)).await;
        let events = events.map_err(|_| Error::NoAnswer)?;
        Ok(Watch {
            events: Box::pin(events.map_err(Error::of_call)?),
            until: Instant::now() + lasts + GRACE,
        })
    }

    /// Tells that there is such an object.
    async fn present(&mut self, object: Lenient<K>) -> Result<(), Deaf> {
        let (key, version) = identify(&object);
        if key.name.is_empty() {
            self.teller.unreadable(None, "it has no name");
            return Ok(());
        }
        let now = match object.0 {
            Ok(object) => Present::Read(object.trim()),
            Err(unreadable) => {
                self.teller.unreadable(Some(&key), &unreadable.why);
                Present::Unreadable
            }
        };
        let now = Box::new(now);
        self.teller.tell(Event::Present(key, version, now)).await
    }

    /// Tells that an object is gone.
    async fn gone(&mut self, object: &Lenient<K>) -> Result<(), Deaf> {
        let (key, version) = identify(object);
        self.teller.tell(Event::Gone(key, version)).await
    }
}

fn identify<K: Resource>(object: &K) -> (ObjectKey, Version) {
    let metadata = object.meta();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    let version = Version::new(metadata.resource_version.as_deref());
    (ObjectKey::new(namespace, name), version)
}
