//! The loop that writes Events.

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::api::{EventError, Events};
use super::board::Posted;
use super::notice::Notice;
use super::said::{Memory, Next, Saying};
use crate::counts::{Count, Counts};
use crate::guard::Guard;
use portreeve_process::say;

/// Says what stands on the board while this controller leads, one thing at a time.
pub struct Herald {
    events: Events,
    guard: Guard,
    posted: watch::Receiver<Posted>,
    counts: Arc<Counts>,
    memory: Memory,
    /// What went wrong last, as long as it does.
    said: Option<String>,
}

impl Herald {
    /// A herald, for when it is run; `instance` is what this controller is called.
    pub fn new(
        client: Client,
        guard: Guard,
        instance: &str,
        posted: watch::Receiver<Posted>,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            events: Events::new(client, guard.clone(), instance),
            guard,
            posted,
            counts,
            memory: Memory::new(Instant::now()),
            said: None,
        }
    }

    /// Says what stands for as long as the process lives. It can be dropped at any time.
    pub async fn run(mut self) {
        loop {
            while !self.guard.leads() {
                self.guard.changed().await;
            }
            let mut guard = self.guard.clone();
            tokio::select! {
                biased;
                () = guard.changed() => {}
                () = self.lead() => {}
            }
            self.guard = guard;
            self.memory.forget();
        }
    }

    /// Says what stands; whoever led before may have said some of it.
    async fn lead(&mut self) {
        self.posted.mark_changed();
        loop {
            let now = Instant::now();
            if self.posted.has_changed().unwrap_or(false) {
                let posted = self.posted.borrow_and_update().clone();
                self.memory.update(&posted, now);
            }
            match self.memory.next(now) {
                Next::Say(notice, saying) => self.say(&notice, saying).await,
                Next::Nothing => self.changed().await,
                Next::Wait { until, is_much } => {
                    if is_much {
                        self.counts.add(Count::EventsDelayed);
                    }
                    tokio::select! {
                        () = self.changed() => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    async fn say(&mut self, notice: &Notice, saying: Saying) {
        let done = self.events.say(notice, saying).await;
        let now = Instant::now();
        match done {
            Ok(times) => {
                self.counts.add(Count::Events);
                self.said = None;
                self.memory.done(notice, times, now);
            }
            Err(error) => {
                self.memory.failed(notice, now);
                self.complain(notice, &error);
            }
        }
    }

    /// Says what is wrong, once, until all is well or something else is wrong.
    fn complain(&mut self, notice: &Notice, error: &EventError) {
        if matches!(error, EventError::NotLeading) {
            return;
        }
        self.counts.add(Count::EventErrors);
        // Thousands may fail for one reason.
        let reason = error.to_string().replace(&notice.name(), "");
        if self.said.as_ref() != Some(&reason) {
            say(format_args!("an Event about {}: {error}", notice.object));
            self.said = Some(reason);
        }
    }

    /// Waits for a change. If nobody is left who could make one, none will come.
    async fn changed(&mut self) {
        match self.posted.changed().await {
            Ok(()) => self.posted.mark_changed(),
            Err(_) => std::future::pending().await,
        }
    }
}
