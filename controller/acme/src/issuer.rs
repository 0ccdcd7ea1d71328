//! Sees to it that every certificate that is wanted is there: one task for each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::account::CaSettings;
use crate::accounts::Accounts;
use crate::authority::{Connect, Real};
use crate::board::{Board, Statuses};
use crate::budget::Ledger;
use crate::doors::Doors;
use crate::engine::{Clock, Engine};
use crate::policy::Policy;
use crate::store::{Store, StoreError};
use crate::task;
use crate::want::{Want, WantId};

/// How often it is looked what has become of what nobody wants, and how old accounts' keys are.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// How long to wait before the store is read again that could not be.
const AGAIN: Duration = Duration::from_secs(10);

/// Sees to certificates, for as long as [`Issuer::run`] is polled.
///
/// It is for whoever leads, and for nobody else: a [`Store`] must refuse what others write.
pub struct Issuer<S, D>(Issuing<S, D, Real>);

impl<S: Store, D: Doors> Issuer<S, D> {
    /// What sees to certificates from `cas`, which are those that `policy` names; and how things
    /// stand with each.
    pub fn new(
        store: S,
        doors: D,
        cas: Vec<CaSettings>,
        policy: Policy,
        clock: Clock,
    ) -> (Self, watch::Receiver<Statuses>) {
        let (issuing, statuses) = Issuing::new(store, doors, Real, cas, policy, clock);
        (Self(issuing), statuses)
    }

    /// Sees to what is wanted until nobody says any more what that is.
    ///
    /// The first value must be all of it: what is not in it is taken for something that nobody wants.
    /// This can be dropped at any of its awaits, and whoever comes next goes on from there.
    pub async fn run(self, wants: watch::Receiver<Arc<Vec<Want>>>) {
        self.0.run(wants).await;
    }
}

/// What sees to certificates, from CAs of any kind.
pub(crate) struct Issuing<S, D, C: Connect> {
    engine: Arc<Engine<S, D, C>>,
    tasks: BTreeMap<WantId, Task>,
}

/// The task of one want, which ends with this.
struct Task {
    want: watch::Sender<Want>,
    handle: Option<JoinHandle<()>>,
}

impl Task {
    /// Whether it is over although its want is not: it broke off, and is begun anew.
    fn has_ended(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it, and waits until it does nothing any more.
    async fn stop(mut self) {
        if let Some(handle) = self.handle.take() {
            handle.abort();
            let _ = handle.await;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl<S: Store, D: Doors, C: Connect> Issuing<S, D, C> {
    pub(crate) fn new(
        store: S,
        doors: D,
        connect: C,
        cas: Vec<CaSettings>,
        policy: Policy,
        clock: Clock,
    ) -> (Self, watch::Receiver<Statuses>) {
        let (board, statuses) = Board::new();
        let engine = Engine {
            store,
            doors,
            accounts: Accounts::new(connect, cas, policy.parallel),
            policy,
            clock,
            ledger: Mutex::default(),
            board,
        };
        let issuing = Self {
            engine: Arc::new(engine),
            tasks: BTreeMap::new(),
        };
        (issuing, statuses)
    }

    /// Sees to what is wanted until nobody says any more what that is.
    pub(crate) async fn run(self, wants: watch::Receiver<Arc<Vec<Want>>>) {
        let engine = Arc::clone(&self.engine);
        tokio::select! {
            () = self.issue(wants) => {}
            () = roll_over(&engine) => {}
        }
    }

    async fn issue(mut self, mut wants: watch::Receiver<Arc<Vec<Want>>>) {
        while let Err(error) = self.read().await {
            // No task has begun that could say so.
            let wanted = Arc::clone(&wants.borrow());
            for want in wanted.iter() {
                self.engine.stored(want, &error);
            }
            sleep(AGAIN).await;
        }
        let mut next = Instant::now();
        loop {
            let wanted = Arc::clone(&wants.borrow_and_update());
            self.follow(&wanted).await;
            // It reads everything that is kept: never more often, however often wants change.
            if Instant::now() >= next {
                // What fails here is tried again in an hour.
                let _ = self.engine.retire(&wanted).await;
                next = Instant::now() + HOUSEKEEPING;
            }
            tokio::select! {
                () = sleep_until(next) => {}
                changed = wants.changed() => if changed.is_err() {
                    return;
                }
            }
        }
    }

    /// Counts what was ordered and issued before. What nobody can make sense of counts for nothing,
    /// and whoever wants that certificate is told by its task.
    async fn read(&self) -> Result<(), StoreError> {
        let mut ledger = Ledger::default();
        for id in self.engine.store.records().await? {
            match self.engine.store.record(&id).await {
                Ok(Some((record, _))) => ledger.load(&record),
                Ok(None) | Err(StoreError::Unreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.engine.ledger(|counted| *counted = ledger);
        Ok(())
    }

    /// Begins with what is new, tells the others what changed, and stops what nobody wants.
    async fn follow(&mut self, wanted: &[Want]) {
        let wanted: BTreeMap<_, _> = wanted.iter().map(|want| (want.id(), want)).collect();
        let gone = self.tasks.extract_if(.., |id, _| !wanted.contains_key(id));
        let gone: Vec<_> = gone.collect();
        for (_, task) in gone {
            task.stop().await;
        }
        self.engine.board.keep(|id| wanted.contains_key(id));
        for (id, want) in wanted {
            match self.tasks.get(&id) {
                Some(task) if !task.has_ended() => {
                    let tell = |known: &mut Want| {
                        let is_other = known != want;
                        known.clone_from(want);
                        is_other
                    };
                    task.want.send_if_modified(tell);
                }
                _ => {
                    let task = self.begin(want.clone());
                    self.tasks.insert(id, task);
                }
            }
        }
    }

    fn begin(&self, want: Want) -> Task {
        self.engine.board.say(&want, |_| {});
        let (want, receiver) = watch::channel(want);
        let handle = tokio::spawn(task::run(Arc::clone(&self.engine), receiver));
        Task {
            want,
            handle: Some(handle),
        }
    }
}

/// Looks every hour how old the keys of accounts are.
async fn roll_over<S: Store, D, C: Connect>(engine: &Engine<S, D, C>) {
    let Some(most) = engine.policy.key_rollover else {
        return std::future::pending().await;
    };
    loop {
        for ca in engine.policy.cas() {
            // A CA that cannot do it, or not now, is asked again in an hour; the key stays good.
            let now = engine.now();
            let _ = engine
                .accounts
                .roll_over(&engine.store, ca, now, most)
                .await;
        }
        sleep(HOUSEKEEPING).await;
    }
}

#[cfg(test)]
mod tests;
