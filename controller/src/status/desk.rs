//! The writes that wait and the writes that are on their way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kube::Client;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, WriteError};
use super::api;
use super::ledger::Job;
use crate::bucket::Bucket;
use crate::guard::Guard;

/// How many writes are on their way at once.
const AT_ONCE: usize = 8;
/// How often one begins, after how many at once.
const RATE: (Duration, u32) = (Duration::from_millis(20), 50);
/// How soon to ask again whether anything may be written.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A write and what became of it.
pub(super) type Done = (Job, Result<Answer, WriteError>);

/// Writes, not too many at once and not too fast.
pub(super) struct Desk {
    client: Client,
    guard: Guard,
    queue: VecDeque<Job>,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = Done> + Send>>>,
    bucket: Bucket,
}

impl Desk {
    pub(super) fn new(client: Client, guard: Guard) -> Self {
        Self {
            client,
            guard,
            queue: VecDeque::new(),
            calls: FuturesUnordered::new(),
            bucket: Bucket::new(RATE.0, RATE.1, Instant::now()),
        }
    }

    /// What it writes by.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// These wait now, and what waited before does not.
    pub(super) fn queue(&mut self, jobs: Vec<Job>) {
        self.queue = jobs.into();
    }

    /// Drops everything. A request that is on its way may still arrive.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.calls = FuturesUnordered::new();
    }

    /// Whether nothing waits and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.calls.is_empty()
    }

    /// The next write that may begin now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Job> {
        let may = self.calls.len() < AT_ONCE && self.guard.may_write();
        let may = may && !self.queue.is_empty() && self.bucket.take(now);
        may.then(|| self.queue.pop_front()).flatten()
    }

    /// Begins a write.
    pub(super) fn begin(&mut self, job: Job) {
        let (client, guard) = (self.client.clone(), self.guard.clone());
        self.calls.push(Box::pin(async move {
            let done = api::write(client, guard, job.clone()).await;
            (job, done)
        }));
    }

    /// When the next write may begin, unless one has to end first.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let waits = !self.queue.is_empty() && self.calls.len() < AT_ONCE;
        waits.then(|| match self.guard.may_write() {
            true => self.bucket.ready(),
            false => now + ASK_AGAIN,
        })
    }

    /// Waits for a write to end, for ever if there is none.
    pub(super) async fn done(&mut self) -> Done {
        match self.calls.next().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    /// Makes all these writes once, after those that are on their way, and says how many of them
    /// were made until `deadline`.
    pub(super) async fn finish(&mut self, jobs: Vec<Job>, deadline: Instant) -> usize {
        self.queue.clear();
        while !self.calls.is_empty() && timeout_at(deadline, self.calls.next()).await.is_ok() {}
        // What is still on its way could arrive later, and undo what is written now.
        if !self.calls.is_empty() {
            return 0;
        }
        let writes = jobs.into_iter().map(|job| {
            let (client, guard) = (self.client.clone(), self.guard.clone());
            async move { api::write(client, guard, job).await.is_ok() }
        });
        let mut writes = futures_util::stream::iter(writes).buffer_unordered(AT_ONCE);
        let mut made = 0;
        while let Ok(Some(is_made)) = timeout_at(deadline, writes.next()).await {
            made += usize::from(is_made);
        }
        made
    }
}
