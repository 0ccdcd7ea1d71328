//! The loop that writes statuses.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use portreeve_translate::{Kind, ObjectRef};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::address::{Addresses, Source, desired};
use super::answer::WriteError;
use super::desk::{Desk, Done};
use super::ledger::{Contest, Job, Ledger};
use super::nodes::Lookout;
use super::seen::Seen;
use super::steady::Steady;
use crate::counts::{Count, Counts};
use crate::events::{Board, Notice};
use crate::guard::Guard;
use portreeve_process::say;

/// How long clearing may take when the process stops; Kubernetes ends it after 30 s by default.
pub(crate) const FAREWELL: Duration = Duration::from_secs(15);

/// How soon to ask again whether anything may be written.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// What becomes of statuses when this controller stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// They stay: proxies serve on, and another controller may write them.
    Keep,
    /// They are cleared: nobody is left who serves.
    Clear,
}

impl Farewell {
    /// Statuses are cleared by the last controller, if that is asked for. `others` is how many
    /// other controllers there are, and `None` when that is not known.
    pub fn of(is_asked_for: bool, others: Option<usize>) -> Self {
        match (is_asked_for, others) {
            (true, Some(0)) => Self::Clear,
            _ => Self::Keep,
        }
    }
}

/// Writes statuses while this controller leads.
pub struct Writer {
    guard: Guard,
    source: Source,
    seen: watch::Receiver<Option<Arc<Seen>>>,
    /// The addresses of the Nodes that run proxies, if those are looked for.
    nodes: watch::Receiver<Option<Addresses>>,
    /// Who looks for them in this term; aborted when dropped.
    lookout: JoinSet<()>,
    board: Board,
    counts: Arc<Counts>,
    desk: Desk,
    ledger: Ledger,
    steady: Steady,
    due: Option<Instant>,
    contests: Vec<Contest>,
    said: BTreeSet<String>,
}

impl Writer {
    /// A writer, for when it is run.
    pub fn new(
        client: Client,
        guard: Guard,
        source: Source,
        seen: watch::Receiver<Option<Arc<Seen>>>,
        board: Board,
        counts: Arc<Counts>,
    ) -> Self {
        let (_, nodes) = watch::channel(None);
        Self {
            desk: Desk::new(client, guard.clone()),
            guard,
            source,
            seen,
            nodes,
            lookout: JoinSet::new(),
            board,
            counts,
            ledger: Ledger::default(),
            steady: Steady::default(),
            due: None,
            contests: Vec::new(),
            said: BTreeSet::new(),
        }
    }

    /// Writes what differs, until `stop`, which says what becomes of what was written. It has to
    /// lead until this returns, so the Lease is to be released after it.
    pub async fn run(mut self, stop: impl Future<Output = Farewell>) {
        let mut stop = pin!(stop);
        self.look_for_nodes();
        self.plan();
        loop {
            let now = Instant::now();
            while let Some(job) = self.desk.next(now) {
                self.ledger.begin(&job);
                self.desk.begin(job);
            }
            let (due, room) = (self.due, self.desk.due(now));
            tokio::select! {
                biased;
                farewell = &mut stop => return self.stop(farewell).await,
                () = self.guard.changed() => self.leadership(),
                () = changed(&mut self.seen) => self.plan(),
                () = changed(&mut self.nodes) => self.plan(),
                done = self.desk.done() => self.done(done),
                () = at(due) => self.plan(),
                () = at(room) => {}
            }
        }
    }

    /// Begins a term's look for the Nodes that run proxies, if nothing else says where those are.
    /// What an earlier term knew of them is forgotten: another controller has written since.
    fn look_for_nodes(&mut self) {
        let Some(proxies) = self.source.proxies() else {
            return;
        };
        let (found, nodes) = watch::channel(None);
        (self.lookout, self.nodes) = (JoinSet::new(), nodes);
        self.steady = Steady::default();
        if self.guard.leads() {
            let lookout = Lookout::new(self.desk.client(), proxies.clone());
            self.lookout.spawn(lookout.run(found));
        }
    }

    fn leadership(&mut self) {
        if !self.guard.leads() {
            self.desk.clear();
            self.ledger.drop_all();
        }
        self.look_for_nodes();
        self.plan();
    }

    /// Compares what is with what should be. That is done without leading, too: whoever leads next
    /// has to know what was ours.
    fn plan(&mut self) {
        let now = Instant::now();
        let Some(seen) = self.seen.borrow_and_update().clone() else {
            return;
        };
        let nodes = self.nodes.borrow_and_update().clone();
        let desired = desired(&self.source, seen.service.as_ref(), nodes.as_ref());
        self.steady.update(desired, now);
        let plan = self
            .ledger
            .plan(&seen.ingresses, self.steady.current(), now);
        if plan.jobs.is_empty() && plan.due.is_none() {
            self.said.clear();
        }
        let leads = self.guard.leads();
        self.desk.queue(if leads { plan.jobs } else { Vec::new() });
        self.due = plan.due.into_iter().chain(self.steady.due()).min();
        self.post();
    }

    fn done(&mut self, (job, done): Done) {
        let now = Instant::now();
        match done {
            Ok(answer) => {
                self.counts.add(Count::StatusWrites);
                if answer.taken_from.is_some() {
                    self.counts.add(Count::StatusTakeovers);
                }
                if self.ledger.done(&job, answer, now) {
                    self.counts.add(Count::StatusFights);
                }
            }
            Err(error) => {
                self.ledger.failed(&job, now);
                self.complain(&job, &error);
            }
        }
        // What was known of it when it was planned is old now.
        if self.desk.is_idle() {
            self.plan();
        }
        self.post();
    }

    /// Says what is wrong: once each, until all is well.
    fn complain(&mut self, job: &Job, error: &WriteError) {
        if error.is_gone() || matches!(error, WriteError::NotLeading) {
            return;
        }
        self.counts.add(Count::StatusErrors);
        // Thousands may fail for one reason.
        let reason = error.to_string().replace(&*job.key.name, "");
        if self.said.len() < 16 && self.said.insert(reason) {
            say(format_args!("the status of Ingress {}: {error}", job.key));
        }
    }

    /// Tells of the fights that go on, when they are others than before.
    fn post(&mut self) {
        let contests: Vec<_> = self.ledger.contests().collect();
        if contests == self.contests {
            return;
        }
        for contest in contests.iter().filter(|new| !self.contests.contains(new)) {
            say(format_args!("Ingress {}: {}", contest.key, contest.note()));
        }
        self.board
            .post("status", contests.iter().map(Contest::notice));
        self.contests = contests;
    }

    async fn stop(mut self, farewell: Farewell) {
        let deadline = Instant::now() + FAREWELL;
        // The last one may not lead yet: the one that does may have begun to stop before it, when
        // there was still another, and lets go of the Lease now.
        if farewell == Farewell::Keep || !self.comes_to_lead(deadline).await {
            return;
        }
        let Some(seen) = self.seen.borrow().clone() else {
            return;
        };
        let jobs = self.ledger.take_back(&seen.ingresses);
        let count = jobs.len();
        let made = self.desk.finish(jobs, deadline).await;
        say(format_args!(
            "took back the statuses of {made} of {count} Ingresses"
        ));
    }

    /// Waits until this controller may write; says whether it may in time.
    async fn comes_to_lead(&mut self, deadline: Instant) -> bool {
        let mut look = interval(ASK_AGAIN);
        while !self.guard.may_write() {
            tokio::select! {
                () = sleep_until(deadline) => return false,
                () = self.guard.changed() => {}
                _ = look.tick() => {}
            }
        }
        true
    }
}

impl Contest {
    fn note(&self) -> String {
        let other = self.other.as_deref().map_or_else(
            || "Another writer".into(),
            |other| format!("Another writer, {other:?},"),
        );
        format!(
            "{other} changes the status back each time that it is written, so it is written once in ten minutes only. \
             Two controllers serve this Ingress: give it the class of one of them, or stop the other from writing statuses."
        )
    }

    fn notice(&self) -> Notice {
        let object = ObjectRef {
            kind: Kind::Ingress,
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
        };
        Notice::warning(
            object,
            Some(&self.uid),
            "StatusContested",
            "UpdateStatus",
            &self.note(),
        )
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Waits for a change. If nobody is left who could make one, none will come.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
