//! How each watch is doing, for metrics and readiness.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::watched::Watched;

/// For how many seconds the API server may fail before others are better to ask.
const FAILING: u64 = 30;
/// For how many it may be silent: it gives a sign of life about once a minute.
const SILENT: u64 = 180;

/// How one kind's watch is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindHealth {
    /// The kind.
    pub kind: Watched,
    /// Whether it was ever known whole.
    pub synced: bool,
    /// How many objects are known, counted or not.
    pub objects: usize,
    /// Seconds since the API server last said anything about it, if only that all is well; it
    /// does so about once a minute.
    pub silent: u64,
    /// How often the whole kind was listed after the first time.
    pub relists: u64,
    /// How often something failed.
    pub errors: u64,
    /// How many events had an object that cannot be read.
    pub unreadable: u64,
    /// How many events were older than what was known.
    pub stale: u64,
    /// Whether it may not be read, and counts as if there were none: nobody waits for it then.
    pub is_forbidden: bool,
    /// What failed last; `None` since all is well.
    pub last_error: Option<String>,
}

/// How all watches are doing. A clone looks at the same watches.
#[derive(Clone, Debug)]
pub struct Health(Arc<[Vitals]>);

impl Health {
    /// How each kind is doing now.
    pub fn kinds(&self) -> Vec<KindHealth> {
        self.0.iter().map(Vitals::read).collect()
    }

    /// Whether every watch has heard from the API server lately.
    pub fn is_fresh(&self) -> bool {
        self.kinds().iter().all(|kind| match kind.last_error {
            Some(_) if kind.is_forbidden => true,
            Some(_) => kind.silent < FAILING,
            None => kind.silent < SILENT,
        })
    }

    pub(crate) fn new(kinds: impl IntoIterator<Item = Watched>) -> Self {
        Self(kinds.into_iter().map(Vitals::new).collect())
    }

    pub(crate) fn vitals(&self, kind: Watched) -> Option<Vitals> {
        self.0.iter().find(|vitals| vitals.kind == kind).cloned()
    }
}

/// Where one kind's watch writes how it is doing.
#[derive(Clone, Debug)]
pub(crate) struct Vitals {
    kind: Watched,
    now: Arc<Mutex<(KindHealth, Instant)>>,
}

impl Vitals {
    fn new(kind: Watched) -> Self {
        let health = KindHealth {
            kind,
            synced: false,
            objects: 0,
            silent: 0,
            relists: 0,
            errors: 0,
            unreadable: 0,
            stale: 0,
            is_forbidden: false,
            last_error: None,
        };
        Self {
            kind,
            now: Arc::new(Mutex::new((health, Instant::now()))),
        }
    }

    /// The API server said something about the kind.
    pub(crate) fn heard(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.1 = Instant::now();
        now.0.last_error = None;
        now.0.is_forbidden = false;
    }

    /// The kind may not be read, and that is no failure.
    pub(crate) fn forbidden(&self) {
        self.update(|health| health.is_forbidden = true);
    }

    /// Something failed. Says whether that is news.
    pub(crate) fn failed(&self, why: &str) -> bool {
        self.update(|health| {
            health.errors += 1;
            let news = health.last_error.as_deref() != Some(why);
            health.last_error = Some(why.into());
            news
        })
    }

    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut KindHealth) -> T) -> T {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut now.0)
    }

    fn read(&self) -> KindHealth {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = now.1.elapsed().as_secs();
        KindHealth {
            silent,
            ..now.0.clone()
        }
    }
}
