//! Whether this controller writes, at this moment.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Long enough to be for ever, and not so long that a clock overflows.
const EVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What to ask before anything is written: whether this controller leads. Every answer compares a
/// clock that goes on while the process is stopped, so that one that was stopped for too long
/// finds itself out before it has heard of it.
#[derive(Debug, Clone)]
pub struct Leadership {
    until: watch::Receiver<Option<Instant>>,
}

/// Another controller writes now, or nobody knows who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this controller does not lead; the one that holds the Lease writes")]
pub struct NotLeading;

impl Leadership {
    /// For a controller that is the only one.
    pub fn always() -> Self {
        let (_, until) = watch::channel(Some(Instant::now() + EVER));
        Self { until }
    }

    /// Whether this controller leads.
    pub fn is_leader(&self) -> bool {
        self.until().is_some()
    }

    /// When it will have led long enough, unless it renews; `None` if it does not lead now.
    pub fn until(&self) -> Option<Instant> {
        let until = *self.until.borrow();
        until.filter(|until| Instant::now() < *until)
    }

    /// Waits until this controller leads.
    pub async fn gained(&mut self) {
        while self.until().is_none() {
            changed(&mut self.until).await;
        }
    }

    /// Waits until it does not.
    pub async fn lost(&mut self) {
        while let Some(until) = self.until() {
            tokio::select! {
                () = sleep_until(until) => {}
                () = changed(&mut self.until) => {}
            }
        }
    }

    /// Writes for as long as this controller leads: what is not done by then is dropped. A request
    /// that is on its way then may still arrive, which is what the rest of the lease is for.
    ///
    /// # Errors
    /// When it does not lead, or no longer.
    pub async fn during<T>(&self, write: impl Future<Output = T>) -> Result<T, NotLeading> {
        let mut leadership = self.clone();
        tokio::select! {
            biased;
            () = leadership.lost() => Err(NotLeading),
            done = write => Ok(done),
        }
    }
}

/// Waits for a change. If nobody is left who could make one, none will come.
async fn changed(until: &mut watch::Receiver<Option<Instant>>) {
    if until.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Where leadership is given and taken.
#[derive(Debug)]
pub(super) struct Office(watch::Sender<Option<Instant>>);

impl Office {
    pub(super) fn new() -> (Self, Leadership) {
        let (sender, until) = watch::channel(None);
        (Self(sender), Leadership { until })
    }

    pub(super) fn until(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// Sets how long this controller leads, and says whether that began or ended with it. Only
    /// then are waiters woken: a term that goes on is no news to them.
    pub(super) fn set(&self, until: Option<Instant>) -> bool {
        self.0.send_if_modified(|current| {
            let is_news = current.is_some() != until.is_some();
            *current = until;
            is_news
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_term_ends_by_the_clock_alone() {
        let (office, mut leadership) = Office::new();
        assert!(!leadership.is_leader());
        office.set(Some(soon(20)));
        leadership.gained().await;
        // As for a process that was stopped: time passes, and nobody took the office away.
        tokio::time::advance(Duration::from_secs(21)).await;
        assert!(office.until().is_some());
        assert!(!leadership.is_leader());
        leadership.lost().await;
        let write = leadership.during(async { panic!("must not be written") });
        assert_eq!(write.await, Err::<(), _>(NotLeading));
    }

    #[tokio::test(start_paused = true)]
    async fn a_term_that_is_renewed_goes_on() {
        let (office, leadership) = Office::new();
        let start = Instant::now();
        office.set(Some(soon(20)));
        let renew = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(!office.set(Some(soon(20))));
        };
        let mut waiting = leadership.clone();
        tokio::join!(renew, waiting.lost());
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_dropped_when_the_office_is_lost() {
        let (office, leadership) = Office::new();
        office.set(Some(soon(20)));
        assert_eq!(leadership.during(async { 7 }).await, Ok(7));
        let endless = leadership.during(std::future::pending::<()>());
        let lose = async { office.set(None) };
        let (dropped, lost) = tokio::join!(endless, lose);
        assert_eq!((dropped, lost), (Err(NotLeading), true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_controller_always_leads() {
        let mut leadership = Leadership::always();
        leadership.gained().await;
        tokio::time::advance(Duration::from_secs(365 * 24 * 3600)).await;
        assert!(leadership.is_leader());
        assert_eq!(leadership.during(async { 7 }).await, Ok(7));
    }
}
