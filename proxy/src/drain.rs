//! The order in which a proxy stops, so that nobody's request is lost.
//!
//! First it says that it is leaving (not ready, `Connection: close`) and goes on accepting, because
//! load balancers take a while to hear it and a closed socket drops what waits in its queue.
//! Then it stops accepting and lets requests finish. At the end it cuts what is left.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How long each step of stopping takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// From the signal to the end of accepting.
    pub(crate) delay: Duration,
    /// From the end of accepting to cutting what is left.
    pub(crate) timeout: Duration,
}

impl Pace {
    /// Nothing is waited for.
    pub(crate) const AT_ONCE: Self = Self {
        delay: Duration::ZERO,
        timeout: Duration::ZERO,
    };
}

/// How far stopping has come.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    stage: AtomicU8,
    changed: Notify,
}

const LEAVING: u8 = 1;
const CLOSING: u8 = 2;
const CUTTING: u8 = 3;

impl Drain {
    /// Goes through the steps. Returns when everything may be cut; the process usually ends before.
    pub(crate) async fn run(&self, pace: Pace) {
        self.enter(LEAVING);
        tokio::time::sleep(pace.delay).await;
        self.enter(CLOSING);
        tokio::time::sleep(pace.timeout).await;
        self.enter(CUTTING);
    }

    fn enter(&self, stage: u8) {
        self.stage.store(stage, Ordering::Release);
        self.changed.notify_waiters();
    }

    fn has_reached(&self, stage: u8) -> bool {
        self.stage.load(Ordering::Acquire) >= stage
    }

    /// Whether clients are being asked to go.
    pub(crate) fn is_leaving(&self) -> bool {
        self.has_reached(LEAVING)
    }

    /// Whether nobody is accepted any more.
    pub(crate) fn is_closing(&self) -> bool {
        self.has_reached(CLOSING)
    }

    /// Whether what is left is being cut.
    pub(crate) fn is_cutting(&self) -> bool {
        self.has_reached(CUTTING)
    }

    /// Waits until nobody is accepted any more.
    pub(crate) async fn closing(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        while !self.is_closing() {
            // Enabled before looking, so that a step taken in between is not missed.
            changed.as_mut().enable();
            if self.is_closing() {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn the_steps_come_in_order() {
        let drain = Arc::new(Drain::default());
        assert!(!drain.is_leaving());
        let pace = Pace {
            delay: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
        };
        let running = tokio::spawn({
            let drain = Arc::clone(&drain);
            async move { drain.run(pace).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(drain.is_leaving() && !drain.is_closing());
        drain.closing().await;
        assert!(drain.is_closing() && !drain.is_cutting());
        running.await.unwrap();
        assert!(drain.is_cutting());
    }
}
