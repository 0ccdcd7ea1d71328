//! The parts that the process consists of. When one ends, so must the process: half a proxy looks
//! alive to whoever would start it again.

use std::collections::HashMap;
use std::future::Future;
use std::io;

use tokio::task::{Id, JoinError, JoinSet};

/// Parts that run until they are told to stop.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    running: JoinSet<io::Result<()>>,
    names: HashMap<Id, Box<str>>,
    /// The first that went wrong while all were waited for.
    failed: Option<Ended>,
}

/// A part that has ended.
#[derive(Debug, thiserror::Error)]
#[error("{part} has ended: {}", how(.ended))]
pub struct Ended {
    part: Box<str>,
    ended: io::Result<()>,
}

fn how(ended: &io::Result<()>) -> String {
    match ended {
        Ok(()) => "nobody knows why".into(),
        Err(error) => error.to_string(),
    }
}

impl Parts {
    /// Begins with one.
    pub(crate) fn start(
        &mut self,
        part: impl Into<Box<str>>,
        run: impl Future<Output = io::Result<()>> + Send + 'static,
    ) {
        let id = self.running.spawn(run).id();
        self.names.insert(id, part.into());
    }

    /// Begins with one that never ends by itself.
    pub(crate) fn start_endless(
        &mut self,
        part: &str,
        run: impl Future<Output = ()> + Send + 'static,
    ) {
        self.start(part, async move {
            run.await;
            Ok(())
        });
    }

    /// Waits for the next one to end; for ever when none is left.
    pub(crate) async fn next_ended(&mut self) -> Ended {
        match self.running.join_next_with_id().await {
            Some(joined) => self.ended(joined),
            None => std::future::pending().await,
        }
    }

    /// Waits for all to have ended.
    ///
    /// # Errors
    /// With the first that went wrong.
    pub(crate) async fn all_ended(&mut self) -> Result<(), Ended> {
        while let Some(joined) = self.running.join_next_with_id().await {
            let ended = self.ended(joined);
            if ended.ended.is_err() {
                self.failed.get_or_insert(ended);
            }
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn ended(&mut self, joined: Result<(Id, io::Result<()>), JoinError>) -> Ended {
        let (id, ended) = joined.unwrap_or_else(|error| {
            let panicked = io::Error::other("it panicked");
            (error.id(), Err(panicked))
        });
        let part = self.names.remove(&id).unwrap_or_default();
        Ended { part, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_part_that_ends_is_named_with_its_reason() {
        let mut parts = Parts::default();
        parts.start_endless("the patient", std::future::pending());
        parts.start("the failing", async { Err(io::Error::other("no room")) });
        let ended = parts.next_ended().await.to_string();
        assert_eq!(ended, "the failing has ended: no room");
        parts.start_endless("the panicking", async { panic!("on purpose") });
        let ended = parts.next_ended().await.to_string();
        assert_eq!(ended, "the panicking has ended: it panicked");
        parts.start_endless("the idle", async {});
        let ended = parts.next_ended().await.to_string();
        assert_eq!(ended, "the idle has ended: nobody knows why");
    }

    #[tokio::test]
    async fn all_are_waited_for_and_the_first_failure_is_kept() {
        let mut parts = Parts::default();
        parts.start("a", async { Err(io::Error::other("first")) });
        parts.start("b", async {
            tokio::task::yield_now().await;
            Err(io::Error::other("second"))
        });
        parts.start("c", async { Ok(()) });
        let failed = parts.all_ended().await.unwrap_err().to_string();
        assert_eq!(failed, "a has ended: first");
        assert!(parts.all_ended().await.is_ok());
    }
}
