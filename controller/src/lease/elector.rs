//! The loop around the rules.

use std::pin::pin;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::decide::{Action, Wish, decide};
use super::leadership::{Leadership, Office};
use super::observed::{Observed, named};
use super::{LeaseError, Timing};
use portreeve_process::say;

/// Who stands for election, and where.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What nobody else is called who stands for the same Lease.
    pub identity: String,
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub lease: String,
    /// How fast.
    pub timing: Timing,
}

/// Stands for election, again and again.
pub struct Elector {
    candidate: Candidate,
    api: Api<Lease>,
    office: Office,
    seen: Option<Observed>,
    /// When the Lease was last written, while it is held.
    renewed: Option<Instant>,
    /// Whether what was seen may be old.
    is_stale: bool,
    said: Option<String>,
}

impl Elector {
    /// Stands for election, once it is run.
    pub fn new(client: Client, candidate: Candidate) -> (Self, Leadership) {
        let (office, leadership) = Office::new();
        let elector = Self {
            api: Api::namespaced(client, &candidate.namespace),
            candidate,
            office,
            seen: None,
            renewed: None,
            is_stale: true,
            said: None,
        };
        (elector, leadership)
    }

    /// Leads whenever it can, until `stop`; then it lets go, so that another can lead at once.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            let next = tokio::select! {
                biased;
                () = &mut stop => break,
                next = self.round() => next,
            };
            tokio::select! {
                () = &mut stop => break,
                () = sleep_until(next) => {}
            }
        }
        self.leave().await;
    }

    /// Does what is to be done now, and says when to look again.
    async fn round(&mut self) -> Instant {
        // Whoever was stopped for too long steps down before it does anything else.
        self.end_term();
        let done = self.step(Wish::Lead).await;
        self.end_term();
        let again = Instant::now() + self.candidate.timing.retry;
        let next = match done {
            Ok(next) => {
                self.said = None;
                next.min(again)
            }
            Err(error) => {
                self.is_stale = true;
                self.complain(&error);
                again
            }
        };
        self.office.until().map_or(next, |until| next.min(until))
    }

    async fn step(&mut self, wish: Wish) -> Result<Instant, LeaseError> {
        if self.is_stale || self.renewed.is_none() {
            self.look().await?;
        }
        let me = &self.candidate.identity;
        let (seen, now) = (self.seen.as_ref(), Instant::now());
        match decide(wish, seen, me, self.renewed, now, &self.candidate.timing) {
            Action::Acquire | Action::Renew => self.hold().await,
            Action::Wait(until) => Ok(until),
            Action::Release => self.release().await,
            Action::Leave => Ok(now),
        }
    }

    /// Reads the Lease. Whoever finds another in it leads no longer, whatever the clock says.
    async fn look(&mut self) -> Result<(), LeaseError> {
        let found = self.ask(self.api.get_opt(&self.candidate.lease)).await?;
        let before = self.seen.take();
        let now = Instant::now();
        self.seen = match found {
            Some(lease) => Some(Observed::next(before, lease, now)),
            None => before.map(|before| before.gone(now, !self.is_stale)),
        };
        self.is_stale = false;
        let holder = self.seen.as_ref().map_or("", Observed::holder);
        if holder != self.candidate.identity {
            self.step_down();
        }
        Ok(())
    }

    /// Writes this candidate into the Lease. The term counts from before the request is sent,
    /// because others count from after it has arrived.
    async fn hold(&mut self) -> Result<Instant, LeaseError> {
        let Candidate {
            identity,
            lease: name,
            timing,
            ..
        } = &self.candidate;
        let asked = Instant::now();
        let lease = named(
            Observed::held(self.seen.as_ref(), identity, timing.ttl),
            name,
        );
        let post = PostParams::default();
        let written = match &self.seen {
            Some(seen) if !seen.is_gone() => self.ask(self.api.replace(name, &post, &lease)).await,
            _ => self.ask(self.api.create(&post, &lease)).await,
        };
        let written = written.inspect_err(|error| {
            // Somebody holds it of whom nothing was seen yet.
            if error.is_lost_race() && self.seen.is_none() {
                self.seen = Some(Observed::unread(asked));
            }
        })?;
        self.seen = Some(Observed::next(None, written, asked));
        self.renewed = Some(asked);
        if self.office.set(Some(asked + timing.deadline)) {
            say(format_args!("leading, as {identity} in {}", self.lease()));
        }
        Ok(asked + timing.retry)
    }

    /// Lets go, if that can be done soon. Writers stop first: another may lead as soon as the
    /// request has arrived.
    async fn leave(mut self) {
        self.step_down();
        let limit = self.candidate.timing.call;
        let left = timeout(limit, async {
            // What was asked last may have been done or not; only the Lease itself knows. Twice,
            // because it may also be done between the look and the write.
            for _ in 0..2 {
                self.is_stale = true;
                match self.step(Wish::Leave).await {
                    Ok(_) => return,
                    Err(error) => self.complain(&error),
                }
            }
        });
        let _ = left.await;
    }

    async fn release(&mut self) -> Result<Instant, LeaseError> {
        if let Some(seen) = &self.seen {
            let (name, post) = (&self.candidate.lease, PostParams::default());
            self.ask(self.api.replace(name, &post, &seen.released()))
                .await?;
        }
        Ok(Instant::now())
    }

    /// Steps down if the term is over.
    fn end_term(&mut self) {
        if self
            .office
            .until()
            .is_some_and(|until| until <= Instant::now())
        {
            self.step_down();
        }
    }

    fn step_down(&mut self) {
        self.renewed = None;
        if self.office.set(None) {
            say(format_args!("no longer leading by {}", self.lease()));
        }
    }

    /// Asks the API server, which has to answer in time, and before a term ends.
    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, LeaseError> {
        let start = Instant::now();
        let limit = start + self.candidate.timing.call;
        let limit = self.office.until().map_or(limit, |until| limit.min(until));
        match timeout_at(limit, call).await {
            Ok(answer) => answer.map_err(|error| LeaseError::Api {
                lease: self.lease(),
                error,
            }),
            Err(_) => Err(LeaseError::Timeout {
                lease: self.lease(),
                waited: limit.saturating_duration_since(start),
            }),
        }
    }

    /// Says what is wrong, once, until all is well or something else is wrong.
    fn complain(&mut self, error: &LeaseError) {
        let line = error.to_string();
        if !error.is_lost_race() && self.said.as_ref() != Some(&line) {
            say(&line);
            self.said = Some(line);
        }
    }

    fn lease(&self) -> String {
        format!("{}/{}", self.candidate.namespace, self.candidate.lease)
    }
}
