//! What the tasks of all certificates share.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::accounts::Accounts;
use crate::authority::Connect;
use crate::board::Board;
use crate::budget::Ledger;
use crate::policy::Policy;

/// What says the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the tasks of all certificates share.
pub(crate) struct Engine<S, D, C: Connect> {
    pub(crate) store: S,
    pub(crate) doors: D,
    pub(crate) accounts: Accounts<C>,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) board: Board,
}

impl<S, D, C: Connect> Engine<S, D, C> {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Uses the ledger, which is never left half changed.
    pub(crate) fn ledger<T>(&self, use_it: impl FnOnce(&mut Ledger) -> T) -> T {
        use_it(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
