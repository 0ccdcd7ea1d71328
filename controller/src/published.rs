//! What the objects come to now, for everyone who tells others: proxies, statuses, Events.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portreeve_translate::Translation;
use tokio::sync::watch;

/// One translation, ready to be told of.
#[derive(Debug)]
pub struct Published {
    /// Counts up from 1 in this process.
    pub number: u64,
    /// When it was made.
    pub since: SystemTime,
    /// How long it took to translate everything when that was last done.
    pub took: Duration,
    /// What it is.
    pub translation: Translation,
}

/// The latest; `None` before everything was known for the first time.
pub type Latest = watch::Receiver<Option<Arc<Published>>>;
