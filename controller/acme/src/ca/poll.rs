//! Waiting for a CA: when to ask again, and when no more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::{Failure, FailureKind};

/// How long an order may take to get from one state to the next.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// The first pause; each is half as long again as the one before.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause, where the CA says nothing of its own.
const LONGEST: Duration = Duration::from_secs(5);
/// How many failures in a row are taken for trouble that passes.
const FORGIVEN: u32 = 3;

/// One wait.
pub(super) struct Poll {
    until: Instant,
    pause: Duration,
    failed: u32,
}

impl Poll {
    /// A wait that begins now.
    pub(super) fn new() -> Self {
        Self {
            until: Instant::now() + PATIENCE,
            pause: FIRST,
            failed: 0,
        }
    }

    /// Waits as the CA asks, or as is usual.
    ///
    /// # Errors
    /// [`FailureKind::Timeout`] at once when it would take longer than there is patience; the order
    /// can be gone on with later.
    pub(super) async fn wait(&mut self, asked: Option<Duration>) -> Result<(), Failure> {
        self.failed = 0;
        self.pause(asked).await.map_err(|()| {
            let minutes = PATIENCE.as_secs() / 60;
            let detail =
                format!("the CA has not come to an end with the order in {minutes} minutes");
            let mut failure = Failure::new(FailureKind::Timeout, detail);
            failure.retry_after = asked;
            failure
        })
    }

    /// Waits after a failure that may pass.
    ///
    /// # Errors
    /// The failure, when it is none that passes, or has not.
    pub(super) async fn forgive(&mut self, failure: Failure) -> Result<(), Failure> {
        self.failed += 1;
        if !passes(failure.kind) || self.failed > FORGIVEN {
            return Err(failure);
        }
        self.pause(failure.retry_after).await.map_err(|()| failure)
    }

    async fn pause(&mut self, asked: Option<Duration>) -> Result<(), ()> {
        let pause = asked.unwrap_or(self.pause).max(FIRST);
        if Instant::now() + pause > self.until {
            return Err(());
        }
        sleep(pause).await;
        self.pause = (self.pause * 3 / 2).min(LONGEST);
        Ok(())
    }
}

/// Whether a failure may be another's trouble of a moment.
fn passes(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Connection
            | FailureKind::Timeout
            | FailureKind::RateLimited
            | FailureKind::ServerInternal
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let begun = Instant::now();
        let mut poll = Poll::new();
        let mut asked = 0;
        let failure = loop {
            match poll.wait(None).await {
                Ok(()) => asked += 1,
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert!(
            (60..80).contains(&asked),
            "{asked} questions in five minutes"
        );
        assert!(begun.elapsed() > PATIENCE - LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_comes_too_late() {
        let begun = Instant::now();
        let later = Some(PATIENCE + Duration::from_secs(1));
        let failure = Poll::new().wait(later).await.unwrap_err();
        assert_eq!(failure.retry_after, later);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        Poll::new().wait(Some(Duration::ZERO)).await.unwrap();
        assert_eq!(
            begun.elapsed(),
            FIRST,
            "a CA cannot make us ask without end"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn three_failures_in_a_row_pass() {
        let mut poll = Poll::new();
        let trouble = || Failure::new(FailureKind::ServerInternal, "500");
        for _ in 0..2 {
            for _ in 0..FORGIVEN {
                poll.forgive(trouble()).await.unwrap();
            }
            poll.wait(None).await.unwrap();
        }
        for _ in 0..FORGIVEN {
            poll.forgive(trouble()).await.unwrap();
        }
        assert_eq!(poll.forgive(trouble()).await, Err(trouble()));
        let refused = Failure::new(FailureKind::Account, "403");
        assert_eq!(Poll::new().forgive(refused.clone()).await, Err(refused));
    }
}
