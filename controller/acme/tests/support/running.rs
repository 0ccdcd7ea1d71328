//! An issuer that runs, with a clock that can be put on: what it waits for a day for, a test need not.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portreeve_acme::{CaSettings, Issuer, Phase, Policy, Status, Statuses, Want};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::door::Door;
use super::folder::Folder;

/// How long anything may take at most; it takes a second, and a few where there is much of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is due within so long of each other is done together.
const TOGETHER: SignedDuration = SignedDuration::from_mins(60);

/// A clock that is ahead of the right one, by what a test says.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// Puts it on to `then`, and never back.
    fn put_on(&self, then: Timestamp) {
        let ahead = then.duration_since(self.now()).as_millis();
        let ahead = i64::try_from(ahead).unwrap().max(0);
        self.0.fetch_add(ahead, Ordering::Relaxed);
    }
}

/// An issuer that runs.
pub(crate) struct Running {
    pub(crate) statuses: watch::Receiver<Statuses>,
    clock: Clock,
    /// What was due then was begun with.
    looked: Timestamp,
    wanted: Vec<Want>,
    wants: watch::Sender<Arc<Vec<Want>>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(
        folder: &Folder,
        door: Door,
        (cas, policy): (Vec<CaSettings>, Policy),
        wanted: Vec<Want>,
        clock: Clock,
    ) -> Self {
        let store = folder.open().await;
        let told = clock.clone();
        let now = Arc::new(move || told.now());
        let (issuer, statuses) = Issuer::new(store, door, cas, policy, now);
        let (wants, receiver) = watch::channel(Arc::new(wanted.clone()));
        let task = tokio::spawn(issuer.run(receiver));
        Self {
            statuses,
            clock,
            looked: Timestamp::MIN,
            wanted,
            wants,
            task,
        }
    }

    /// Resolves when things stand so with each certificate.
    pub(crate) async fn until(&mut self, is_so: impl Fn(&Status) -> bool) {
        let wanted = self.wanted.len();
        let is = |all: &Statuses| all.values().filter(|status| is_so(status)).count() == wanted;
        let seen = timeout(PATIENCE, self.statuses.wait_for(is)).await.is_ok();
        let statuses = self.statuses.borrow();
        let others: Vec<_> = statuses.values().filter(|status| !is_so(status)).collect();
        assert!(seen, "{} of {wanted} are not: {others:#?}", others.len());
    }

    /// Resolves when nothing is being done for any certificate.
    pub(crate) async fn quiet(&mut self) {
        let looked = self.looked;
        self.until(|status| is_quiet(status, looked)).await;
    }

    /// Resolves when so many certificates are issued: whenever nothing is being done, the clock is put
    /// on to when something is.
    pub(crate) async fn settle(&mut self, most: usize) {
        loop {
            let (looked, wanted) = (self.looked, self.wanted.len());
            let is = |all: &Statuses| {
                let quiet = all.values().filter(|status| is_quiet(status, looked));
                quiet.count() == wanted || issued(all) >= most
            };
            let seen = timeout(PATIENCE, self.statuses.wait_for(is)).await.is_ok();
            assert!(seen, "{:?}", self.statuses.borrow());
            let statuses = Arc::clone(&self.statuses.borrow());
            if issued(&statuses) >= most {
                return;
            }
            self.go_on(statuses.values().filter_map(due).min().unwrap());
        }
    }

    /// Puts the clock on, and has everybody look at it who waits for that time: they wait by the clock
    /// of the machine, which is not put on, and look whenever what they want is said anew.
    fn go_on(&mut self, next: Timestamp) {
        self.clock.put_on(next + TOGETHER);
        let now = self.clock.now();
        self.looked = now;
        let statuses = Arc::clone(&self.statuses.borrow());
        for want in &mut self.wanted {
            if due(&statuses[&want.id()]).is_some_and(|due| due <= now) {
                want.seen = Some(now.to_string().into());
            }
        }
        self.wants.send_replace(Arc::new(self.wanted.clone()));
    }

    pub(crate) async fn stop(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}

fn issued(statuses: &Statuses) -> usize {
    let issued = statuses.values().filter(|status| is_issued(status));
    issued.count()
}

/// Whether nothing is being done for it, of which what was due was begun with when it was `looked`.
fn is_quiet(status: &Status, looked: Timestamp) -> bool {
    is_issued(status) || due(status).is_some_and(|due| due > looked)
}

/// Until when it is waited after what failed, or could not be.
fn due(status: &Status) -> Option<Timestamp> {
    match status.phase {
        Phase::Failed { until } | Phase::Limited { until, .. } => Some(until),
        _ => None,
    }
}

/// Whether it is there.
pub(crate) fn is_issued(status: &Status) -> bool {
    status.phase == Phase::Issued
}
