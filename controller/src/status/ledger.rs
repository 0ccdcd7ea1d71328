//! What was written where, and so what is to be written: pure, by Ingress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress;
use portreeve_translate::{ObjectKey, Owner};
use tokio::time::Instant;

use super::answer::Answer;
use super::seen::IngressNow;
use crate::fight::Fight;

/// How long to wait after the first failure, and how long at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A list that several share.
type Addresses = Arc<[IngressLoadBalancerIngress]>;

/// A status to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) key: ObjectKey,
    pub(super) uid: Box<str>,
    /// What it should say; with nothing to say, what we said is taken back.
    pub(super) want: Addresses,
}

/// Somebody who changes a status back again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contest {
    pub(super) key: ObjectKey,
    pub(super) uid: Box<str>,
    /// What the other one calls itself, if that is known.
    pub(super) other: Option<Box<str>>,
}

/// What is remembered of each Ingress, by uid.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<Box<str>, Entry>);

#[derive(Debug)]
struct Entry {
    key: ObjectKey,
    /// Whether it was ours when it was seen, and nobody's at most since.
    was_ours: bool,
    is_busy: bool,
    failures: u32,
    not_before: Option<Instant>,
    last: Option<(Addresses, Answer)>,
    fight: Fight,
    /// The other one's name, as of the last time that something was taken from it.
    other: Option<Box<str>>,
}

/// What to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// When to plan again although nothing changed.
    pub(super) due: Option<Instant>,
}

impl Ledger {
    /// What is to be written now, and when to ask again.
    pub(super) fn plan(
        &mut self,
        ingresses: &[IngressNow],
        desired: Option<&Addresses>,
        now: Instant,
    ) -> Plan {
        let mut before = std::mem::take(&mut self.0);
        let mut plan = Plan::default();
        for ingress in ingresses {
            let entry = before.remove(&ingress.uid);
            let mut entry = entry.unwrap_or_else(|| Entry::new(&ingress.key));
            entry.was_ours |= ingress.owner == Owner::Ours;
            if let Some(want) = entry.wanted(ingress, desired) {
                match entry.decide(ingress, &want, now) {
                    Decision::Nothing => {}
                    Decision::Later(at) => plan.due = Some(plan.due.map_or(at, |due| due.min(at))),
                    Decision::Write => plan.jobs.push(Job::new(ingress, want)),
                }
            }
            self.0.insert(ingress.uid.clone(), entry);
        }
        // What is not here any more is forgotten, unless an answer is due.
        let busy = before.into_iter().filter(|(_, entry)| entry.is_busy);
        self.0.extend(busy);
        plan
    }

    /// What is to be written so that no status says anything. What was written last need not have
    /// been heard of yet, and what is on its way will be there when it has arrived.
    pub(super) fn take_back(&self, ingresses: &[IngressNow]) -> Vec<Job> {
        let says = |now: &&IngressNow| {
            !now.addresses.is_empty() || self.0.get(&now.uid).is_some_and(Entry::may_say)
        };
        let said = ingresses.iter().filter(says);
        said.map(|now| Job::new(now, Arc::default())).collect()
    }

    /// A write begins.
    pub(super) fn begin(&mut self, job: &Job) {
        if let Some(entry) = self.0.get_mut(&job.uid) {
            entry.is_busy = true;
        }
    }

    /// No write is on its way any more.
    pub(super) fn drop_all(&mut self) {
        for entry in self.0.values_mut() {
            entry.is_busy = false;
        }
    }

    /// A write has been answered; says whether a fight is found with that.
    pub(super) fn done(&mut self, job: &Job, answer: Answer, now: Instant) -> bool {
        let Some(entry) = self.0.get_mut(&job.uid) else {
            return false;
        };
        (entry.is_busy, entry.failures, entry.not_before) = (false, 0, None);
        if answer.taken_from.is_some() {
            entry.other.clone_from(&answer.taken_from);
        }
        let last = entry.last.replace((Arc::clone(&job.want), answer));
        // The same was written before, so somebody has changed it since.
        let again = last.is_some_and(|(wanted, _)| wanted == job.want);
        again && entry.fight.rewritten(now)
    }

    /// A write has failed.
    pub(super) fn failed(&mut self, job: &Job, now: Instant) {
        if let Some(entry) = self.0.get_mut(&job.uid) {
            let wait = BACKOFF.0.saturating_mul(1 << entry.failures.min(16));
            entry.is_busy = false;
            entry.failures += 1;
            entry.not_before = Some(now + wait.min(BACKOFF.1));
        }
    }

    /// The fights that go on.
    pub(super) fn contests(&self) -> impl Iterator<Item = Contest> {
        let fights = self
            .0
            .iter()
            .filter(|(_, entry)| entry.fight.truce().is_some());
        fights.map(|(uid, entry)| Contest {
            key: entry.key.clone(),
            uid: uid.clone(),
            other: entry.other.clone(),
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Decision {
    Nothing,
    Write,
    Later(Instant),
}

impl Job {
    pub(super) fn new(ingress: &IngressNow, want: Addresses) -> Self {
        Self {
            key: ingress.key.clone(),
            uid: ingress.uid.clone(),
            want,
        }
    }
}

impl Entry {
    fn new(key: &ObjectKey) -> Self {
        Self {
            key: key.clone(),
            was_ours: false,
            is_busy: false,
            failures: 0,
            not_before: None,
            last: None,
            fight: Fight::default(),
            other: None,
        }
    }

    /// Whether the status may say something although that was not heard of.
    fn may_say(&self) -> bool {
        let last = self.last.as_ref();
        self.is_busy || last.is_some_and(|(_, answer)| !answer.addresses.is_empty())
    }

    /// What the status should say; `None` when it is to be left alone.
    ///
    /// An Ingress that has another class now is left to that one's controller, which writes over
    /// what we wrote: to clear it first would delete its DNS names for a moment. When it has no
    /// class any more, nobody else corrects it, so what we said is taken back.
    fn wanted(&self, ingress: &IngressNow, desired: Option<&Addresses>) -> Option<Addresses> {
        let desired = desired?;
        let is_as_written = *ingress.addresses == **desired;
        match ingress.owner {
            Owner::Ours => Some(Arc::clone(desired)),
            Owner::Nobody if self.was_ours && is_as_written => Some(Arc::default()),
            Owner::Nobody | Owner::Other => None,
        }
    }

    fn decide(&mut self, ingress: &IngressNow, want: &Addresses, now: Instant) -> Decision {
        if self.is_busy {
            return Decision::Nothing;
        }
        if *ingress.addresses == **want {
            self.fight.is_settled(now);
            return self
                .fight
                .truce()
                .map_or(Decision::Nothing, Decision::Later);
        }
        if self.is_answered(ingress, want) {
            return Decision::Nothing;
        }
        match self.not_before.max(self.fight.truce()) {
            Some(at) if at > now => Decision::Later(at),
            _ => Decision::Write,
        }
    }

    /// Whether this has been written, and either the answer is newer than what is known of the
    /// Ingress, or the answer was that the status stays as it is.
    fn is_answered(&self, ingress: &IngressNow, want: &Addresses) -> bool {
        let Some((wanted, answer)) = &self.last else {
            return false;
        };
        wanted == want
            && (is_older(&ingress.version, &answer.version)
                || answer.addresses == ingress.addresses)
    }
}

/// Whether a version is surely older; nothing is said of what is not a number.
fn is_older(version: &str, than: &str) -> bool {
    let numbers = version.parse::<u128>().ok().zip(than.parse::<u128>().ok());
    numbers.is_some_and(|(version, than)| version < than)
}

#[cfg(test)]
mod tests;
