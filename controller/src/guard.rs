//! Whether this controller writes: all that those who write know of the Lease.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::lease::Leadership;

/// What to wait for, and what to ask right before each write.
#[derive(Clone)]
pub struct Guard {
    leads: watch::Receiver<bool>,
    may_write: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Guard {
    /// `leads` says when to begin and to end; `may_write` is asked before every single request,
    /// because a process that was stopped hears late of what it lost.
    pub fn new(
        leads: watch::Receiver<bool>,
        may_write: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let may_write = Arc::new(may_write);
        Self { leads, may_write }
    }

    /// For what every controller writes: what nobody else knows.
    pub(crate) fn always() -> Self {
        let (_, leads) = watch::channel(true);
        Self::new(leads, || true)
    }

    /// By a Lease, for as long as the process lives.
    pub(crate) fn of(leadership: &Leadership) -> Self {
        let (leads, receiver) = watch::channel(false);
        let mut office = leadership.clone();
        tokio::spawn(async move {
            loop {
                office.gained().await;
                leads.send_replace(true);
                office.lost().await;
                leads.send_replace(false);
            }
        });
        let leadership = leadership.clone();
        Self::new(receiver, move || leadership.is_leader())
    }

    /// Whether this controller is said to lead.
    pub(crate) fn leads(&self) -> bool {
        *self.leads.borrow()
    }

    /// Whether a request may be sent now.
    pub(crate) fn may_write(&self) -> bool {
        self.leads() && (self.may_write)()
    }

    /// Waits until leadership begins or ends. If nobody is left who could say, it does neither.
    pub(crate) async fn changed(&mut self) {
        if self.leads.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("leads", &self.leads())
            .finish_non_exhaustive()
    }
}
