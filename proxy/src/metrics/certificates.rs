//! How the certificates stand that ACME keeps, and what was counted of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use portreeve_acme::{FailureKind, Status, Statuses};

use super::exposition::Exposition;
use super::families::{self, Family};

/// What is known of certificates. What each counts is added to what all have counted, so that
/// nothing goes down when one is not wanted any more.
#[derive(Debug, Default)]
pub(crate) struct Certificates(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    statuses: Statuses,
    ordered: u64,
    issued: u64,
    failures: BTreeMap<FailureKind, u64>,
}

impl Certificates {
    /// Takes how things stand now.
    pub(crate) fn update(&self, now: &Statuses) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut known.statuses, Arc::clone(now));
        for (id, status) in &**now {
            known.count(status, before.get(id));
        }
    }

    /// Writes their families.
    pub(super) fn render(&self, out: &mut Exposition) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.each(out, &families::ACME_EXPIRY, |status| time(status.not_after));
        known.each(out, &families::ACME_RENEWAL, |status| time(status.renewal));
        known.each(out, &families::ACME_ATTEMPT, |status| {
            time(status.attempted)
        });
        known.each(out, &families::ACME_FAILING, |status| {
            let failing = status.failing.as_ref();
            Some(failing.map_or(0, |failing| failing.count.into()))
        });
        out.family(&families::ACME_ORDERS, |samples| {
            samples.value(&[], known.ordered);
        });
        out.family(&families::ACME_ISSUED, |samples| {
            samples.value(&[], known.issued);
        });
        out.family(&families::ACME_FAILURES, |samples| {
            for (kind, count) in &known.failures {
                samples.value(&[kind.reason()], count);
            }
        });
    }
}

impl Known {
    fn count(&mut self, now: &Status, before: Option<&Status>) {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        self.ordered += more(now.ordered, before.map_or(0, |it| it.ordered));
        self.issued += more(now.issued, before.map_or(0, |it| it.issued));
        for (kind, count) in &now.failures {
            let before = before.and_then(|it| it.failures.get(kind));
            let counted = self.failures.entry(*kind).or_default();
            *counted += more(*count, before.copied().unwrap_or_default());
        }
    }

    fn each(&self, out: &mut Exposition, family: &Family, read: impl Fn(&Status) -> Option<i64>) {
        out.family(family, |samples| {
            for status in self.statuses.values() {
                if let Some(value) = read(status) {
                    samples.value(&[&status.secret.to_string()], value);
                }
            }
        });
    }
}

fn time(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_second)
}
