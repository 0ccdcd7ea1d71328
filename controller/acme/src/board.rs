//! The statuses of all certificates, as everybody who looks sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::status::{Phase, Status};
use crate::want::{Want, WantId};

/// The statuses of all certificates that are wanted.
pub type Statuses = Arc<BTreeMap<WantId, Status>>;

/// Where statuses are written.
#[derive(Debug)]
pub(crate) struct Board(watch::Sender<Statuses>);

impl Board {
    pub(crate) fn new() -> (Self, watch::Receiver<Statuses>) {
        let (sender, receiver) = watch::channel(Statuses::default());
        (Self(sender), receiver)
    }

    /// Changes what is said of a want, which is new when nothing was.
    pub(crate) fn say(&self, want: &Want, change: impl FnOnce(&mut Status)) {
        self.0.send_if_modified(|all| {
            let id = want.id();
            let before = all.get(&id);
            let mut status = before.cloned().unwrap_or_else(|| Status::new(want));
            status.origin = want.origin.clone();
            change(&mut status);
            let is_other = before != Some(&status);
            if is_other {
                Arc::make_mut(all).insert(id, status);
            }
            is_other
        });
    }

    pub(crate) fn phase(&self, want: &Want, phase: Phase) {
        self.say(want, |status| status.phase = phase);
    }

    /// Says nothing any more of wants that nobody has.
    pub(crate) fn keep(&self, is_wanted: impl Fn(&WantId) -> bool) {
        self.0.send_if_modified(|all| {
            let is_less = !all.keys().all(&is_wanted);
            if is_less {
                Arc::make_mut(all).retain(|id, _| is_wanted(id));
            }
            is_less
        });
    }
}
