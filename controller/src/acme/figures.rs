//! What there is to measure of certificates, in the Prometheus text format.
//!
//! Only the controller that leads knows anything of them; the others show no values.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use portreeve_acme::{Phase, Status, Statuses};
use portreeve_process::metrics;

use super::reason::Reason;

/// A metric family: its values are looked up when it is asked for.
pub(crate) struct Family {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it only ever goes up.
    pub(crate) is_counter: bool,
    /// What it says, in one sentence.
    pub(crate) help: &'static str,
    /// Its label, if it has one.
    pub(crate) label: Option<&'static str>,
    read: fn(&State) -> Samples,
}

/// Values, each with the value of the family's label.
type Samples = Vec<(String, f64)>;

const fn gauge(name: &'static str, help: &'static str, read: fn(&State) -> Samples) -> Family {
    Family {
        name,
        is_counter: false,
        help,
        label: Some("secret"),
        read,
    }
}

/// Every family, in the order in which they are shown.
pub(crate) const FAMILIES: &[Family] = &[
    gauge(
        "portreeve_acme_expire_time_seconds",
        "When a certificate that is kept by ACME expires, in seconds since 1970, labelled with its Secret.",
        |state| of_each(state, |status| time(status.not_after)),
    ),
    gauge(
        "portreeve_acme_renewal_time_seconds",
        "When it is to be renewed, in seconds since 1970, labelled with its Secret.",
        |state| of_each(state, |status| time(status.renewal)),
    ),
    gauge(
        "portreeve_acme_attempt_time_seconds",
        "When a CA was last asked for it, in seconds since 1970, labelled with its Secret.",
        |state| of_each(state, |status| time(status.attempted)),
    ),
    gauge(
        "portreeve_acme_failing",
        "How often in a row it could not be had, 0 where all is well, labelled with its Secret.",
        |state| of_each(state, |status| Some(failing(status))),
    ),
    Family {
        name: "portreeve_acme_orders_total",
        is_counter: true,
        help: "Orders that were made.",
        label: None,
        read: |state| vec![(String::new(), state.ordered as f64)],
    },
    Family {
        name: "portreeve_acme_certificates_total",
        is_counter: true,
        help: "Certificates that were issued.",
        label: None,
        read: |state| vec![(String::new(), state.issued as f64)],
    },
    Family {
        name: "portreeve_acme_failures_total",
        is_counter: true,
        help: "Times that a certificate could not be had, by the reason of the Event that says so.",
        label: Some("reason"),
        read: |state| {
            let all = state.failures.iter();
            all.map(|(reason, count)| ((*reason).into(), *count as f64))
                .collect()
        },
    },
];

/// What is measured.
#[derive(Debug, Default)]
pub(crate) struct Figures(Mutex<State>);

/// What is known, and what was counted of it.
#[derive(Debug, Default)]
struct State {
    statuses: Statuses,
    ordered: u64,
    issued: u64,
    failures: BTreeMap<&'static str, u64>,
}

impl Figures {
    /// Takes how things stand now. What each counts is added to what all have counted, so that
    /// nothing goes down when one is wanted no more.
    pub(super) fn update(&self, now: &Statuses) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.statuses, now.clone());
        for (id, status) in &**now {
            state.count(status, before.get(id));
        }
    }

    /// Nothing is known any more: another controller leads.
    pub(super) fn clear(&self) {
        self.lock().statuses = Statuses::default();
    }

    /// The exposition.
    pub(crate) fn render(&self) -> String {
        let (state, mut text) = (self.lock(), String::new());
        for family in FAMILIES {
            metrics::head(&mut text, family.name, family.help, family.is_counter);
            for (value, sample) in (family.read)(&state) {
                let label = family.label.map(|label| format!("{{{label}=\"{value}\"}}"));
                let _ = writeln!(
                    text,
                    "{}{} {sample}",
                    family.name,
                    label.unwrap_or_default()
                );
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, now: &Status, before: Option<&Status>) {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        self.ordered += more(now.ordered, before.map_or(0, |it| it.ordered));
        self.issued += more(now.issued, before.map_or(0, |it| it.issued));
        for (kind, count) in &now.failures {
            let before = before.and_then(|it| it.failures.get(kind));
            let counted = self.failures.entry(Reason::from(*kind).as_str());
            *counted.or_default() += more(*count, before.copied().unwrap_or_default());
        }
    }
}

fn of_each(state: &State, read: fn(&Status) -> Option<f64>) -> Samples {
    let all = state.statuses.values();
    all.filter_map(|status| Some((status.secret.to_string(), read(status)?)))
        .collect()
}

fn time(time: Option<Timestamp>) -> Option<f64> {
    time.map(|time| time.as_second() as f64)
}

fn failing(status: &Status) -> f64 {
    match (&status.failing, &status.phase) {
        (Some(failing), _) => failing.count.into(),
        (None, Phase::Limited { .. } | Phase::Foreign) => 1.0,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests;
