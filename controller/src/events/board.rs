//! What stands, from all who find something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::notice::Notice;

/// What stands, by who posted it.
pub type Posted = BTreeMap<&'static str, Arc<BTreeSet<Notice>>>;

/// Where everyone posts what stands, all of it each time: translation what it finds, the status
/// writer whom it meets, sessions what proxies reject.
#[derive(Clone, Debug)]
pub struct Board(Arc<watch::Sender<Posted>>);

impl Board {
    /// An empty board, and what is on it.
    pub fn new() -> (Self, watch::Receiver<Posted>) {
        let (sender, receiver) = watch::channel(Posted::new());
        (Self(Arc::new(sender)), receiver)
    }

    /// Posts what stands now in place of what `who` posted before.
    pub fn post(&self, who: &'static str, notices: impl IntoIterator<Item = Notice>) {
        let notices: BTreeSet<_> = notices.into_iter().collect();
        self.0.send_if_modified(|posted| {
            let is_news = match posted.get(who) {
                Some(before) => **before != notices,
                None => !notices.is_empty(),
            };
            if is_news {
                posted.insert(who, Arc::new(notices));
            }
            is_news
        });
    }
}
