//! Everything of one kind, as it is now.
//!
//! A list is asked for as a stream, which costs the API server least, or in pages if it does not
//! do that. Both ask for what is true now: a list from a cache could be older than what is known,
//! and would take objects away that are there.

use futures_util::StreamExt;
use kube::Resource;
use kube::api::{ListParams, WatchEvent};
use serde::de::DeserializeOwned;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::error::Error;
use super::{CALL, Feed, Watch};
use crate::event::Event;
use crate::trim::Trim;

/// How long a streamed list may take. Pages have no such bound, so that the largest list comes to
/// its end.
const WHOLE: Duration = Duration::from_secs(60);

/// How many objects are in a page.
const PAGE: u32 = 500;

/// How often a streamed list may break off, or not even begin, before pages are tried.
const BREAKS: u32 = 2;

/// How a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    /// As a stream, which broke off so often.
    Stream(u32),
    /// In pages.
    Pages,
    /// In one, as pages were too slow for the server.
    Whole,
}

impl Default for Style {
    fn default() -> Self {
        Self::Stream(0)
    }
}

/// Where a list leaves off.
pub(super) struct Start<K> {
    pub version: String,
    /// A streamed list goes on as a watch.
    pub watch: Option<Watch<K>>,
}

impl<K> Feed<K>
where
    K: Trim + Resource<DynamicType = ()> + Clone + DeserializeOwned + Send + Sync + 'static,
{
    /// Tells of everything there is.
    pub(super) async fn list(&mut self) -> Result<Start<K>, Error> {
        self.lists.turn().await;
        if matches!(self.style, Style::Stream(_)) {
            let error = match self.stream().await {
                Err(error) => error,
                whole => return whole,
            };
            let never = error.is_refused() || matches!(error, Error::NeverWhole);
            if !never && !matches!(self.style, Style::Stream(BREAKS..)) {
                return Err(error);
            }
            self.teller.failed(&error);
            self.style = Style::Pages;
        }
        self.pages().await
    }

    async fn stream(&mut self) -> Result<Start<K>, Error> {
        let until = Instant::now() + WHOLE;
        let opened = self.watch("", true).await;
        // Until the list is whole, it may yet break off.
        if let (Ok(_) | Err(Error::NoAnswer), Style::Stream(breaks)) = (&opened, &mut self.style) {
            *breaks += 1;
        }
        let mut watch = opened?;
        self.teller.heard();
        self.begin().await?;
        loop {
            let event = timeout_at(until, watch.events.next()).await;
            match event
                .map_err(|_| Error::NeverWhole)?
                .ok_or(Error::NotWhole)??
            {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    self.present(object).await?;
                }
                WatchEvent::Deleted(object) => self.gone(&object).await?,
                WatchEvent::Error(status) => return Err(Error::Answer(status)),
                WatchEvent::Bookmark(bookmark) => {
                    let metadata = bookmark.metadata;
                    if metadata
                        .annotations
                        .contains_key("k8s.io/initial-events-end")
                    {
                        let version = metadata.resource_version;
                        self.style = Style::default();
                        return self.end(version, Some(watch)).await;
                    }
                }
            }
        }
    }

    async fn pages(&mut self) -> Result<Start<K>, Error> {
        let mut params = ListParams {
            label_selector: self.selector.labels.clone(),
            field_selector: self.selector.fields.clone(),
            limit: matches!(self.style, Style::Pages).then_some(PAGE),
            ..ListParams::default()
        };
        self.begin().await?;
        loop {
            let page = timeout(CALL, self.api.list(&params)).await;
            let page = page.map_err(|_| Error::NoAnswer)?.map_err(Error::from);
            let page = page.inspect_err(|error| {
                if error.is_expired() {
                    self.style = Style::Whole;
                }
            })?;
            self.teller.heard();
            for object in page.items {
                self.present(object).await?;
            }
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                self.style = Style::Pages;
                let version = page.metadata.resource_version.unwrap_or_default();
                return self.end(version, None).await;
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Error> {
        Ok(self.teller.tell(Event::Begin).await?)
    }

    async fn end(&mut self, version: String, watch: Option<Watch<K>>) -> Result<Start<K>, Error> {
        if version.is_empty() {
            return Err(Error::NoVersion);
        }
        self.teller.heard();
        self.teller.tell(Event::End).await?;
        self.teller.listed(self.was_listed);
        self.was_listed = true;
        Ok(Start { version, watch })
    }
}
