//! The connections that there are, so that those who only sit there never keep the API server out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::AbortHandle;

/// How many connections there may be.
pub(crate) const CONNECTIONS: usize = 256;

/// The connections, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Places(VecDeque<Place>);

#[derive(Debug)]
struct Place {
    busy: Busy,
    task: AbortHandle,
}

/// Whether a connection has a request to be answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// Says whether it has.
    pub(crate) fn set(&self, is_busy: bool) {
        self.0.store(is_busy, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Places {
    /// Makes room for one more: the oldest that nothing is asked on is closed when there is none.
    /// Says whether there is room now.
    pub(crate) fn make_room(&mut self) -> bool {
        if self.0.len() < CONNECTIONS {
            return true;
        }
        self.0.retain(|place| !place.task.is_finished());
        if self.0.len() < CONNECTIONS {
            return true;
        }
        let idle = self.0.iter().position(|place| !place.busy.get());
        let idle = idle.and_then(|at| self.0.remove(at));
        idle.map(|place| place.task.abort()).is_some()
    }

    /// Takes a place.
    pub(crate) fn take(&mut self, busy: Busy, task: AbortHandle) {
        self.0.push_back(Place { busy, task });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn the_oldest_idle_connection_makes_room() {
        let mut places = Places::default();
        let mut tasks = Vec::new();
        for number in 0..CONNECTIONS {
            assert!(places.make_room());
            let (busy, task) = (Busy::default(), tokio::spawn(pending::<()>()));
            busy.set(number == 0);
            places.take(busy, task.abort_handle());
            tasks.push(task);
        }
        assert!(places.make_room());
        let second = tasks.remove(1);
        assert!(second.await.unwrap_err().is_cancelled());
        assert!(!tasks[0].is_finished());
    }

    #[tokio::test]
    async fn nobody_who_is_answered_makes_room() {
        let mut places = Places::default();
        for _ in 0..CONNECTIONS {
            let (busy, task) = (Busy::default(), tokio::spawn(pending::<()>()));
            busy.set(true);
            places.take(busy, task.abort_handle());
        }
        assert!(!places.make_room());
    }
}
