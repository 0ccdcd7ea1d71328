//! Says on standard error how things stand with each certificate: one line for each step and each
//! failure, the latter with what to do.
//!
//! Nothing that a key could be told from is ever said.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use portreeve_acme::{Bound, Failing, Phase, Status, Statuses, WantId};
use portreeve_process::say;
use portreeve_table::legible;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// How many names are listed.
const NAMES: usize = 5;
/// How many of the CA's words on single names are.
const SUBPROBLEMS: usize = 3;

/// Says and counts what changes, for as long as something can.
pub(super) async fn follow(mut statuses: watch::Receiver<Statuses>, metrics: Arc<Metrics>) {
    let mut said = Said::default();
    loop {
        let now = Arc::clone(&statuses.borrow_and_update());
        metrics.acme.update(&now);
        for line in said.news(&now) {
            say(line);
        }
        if statuses.changed().await.is_err() {
            return;
        }
    }
}

/// What was said of each certificate.
#[derive(Debug, Default)]
struct Said(BTreeMap<WantId, Last>);

/// What was said last of one.
#[derive(Debug, Default)]
struct Last {
    step: Option<String>,
    /// When what went wrong did.
    failed: Option<Timestamp>,
}

impl Said {
    /// What is new.
    fn news(&mut self, statuses: &Statuses) -> Vec<String> {
        self.0.retain(|id, _| statuses.contains_key(id));
        let mut lines = Vec::new();
        for (id, status) in &**statuses {
            let last = self.0.entry(id.clone()).or_default();
            lines.extend(last.news(status).map(|said| line(status, &said)));
        }
        lines
    }
}

impl Last {
    fn news(&mut self, status: &Status) -> impl Iterator<Item = String> + use<> {
        let failing = status.failing.as_ref();
        let at = failing.map(|failing| failing.at);
        let failure = failing.filter(|_| at != self.failed).map(failed);
        self.failed = at;
        let step = step(status);
        let is_new = step.is_some() && step != self.step;
        if is_new {
            self.step.clone_from(&step);
        }
        failure.into_iter().chain(step.filter(|_| is_new))
    }
}

fn line(status: &Status, said: &str) -> String {
    let first = status.names.iter().take(NAMES);
    let names: Vec<_> = first.map(ToString::to_string).collect();
    let more = match status.names.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (secret, names) = (&status.secret, names.join(", "));
    legible(format!("acme {secret} ({names}{more}): {said}"))
}

/// The step that is being taken, or what stands in its way.
fn step(status: &Status) -> Option<String> {
    let said = match &status.phase {
        // Of a failure it is said when it happens.
        Phase::Queued | Phase::Failed { .. } => return None,
        Phase::Ordering(ca) => format!("ordered from {ca}"),
        Phase::Answering => "our own listeners are asked as the CA will ask them".into(),
        Phase::Validating => "they answer; the CA has been told to look".into(),
        Phase::Finalizing => "its names are proven; the CA is asked for the certificate".into(),
        Phase::Issued => there(status),
        Phase::Limited { bound, until } => limited(*bound, *until),
        Phase::Foreign => format!(
            "left alone, because what stands in its place has no annotation {}; \
             remove it to have the certificate ordered",
            portreeve_acme::ISSUER
        ),
    };
    Some(said)
}

fn there(status: &Status) -> String {
    let from = status.issuer.as_ref();
    let from = from.map_or_else(String::new, |ca| format!(" from {ca}"));
    let until = status.not_after.map(minute).unwrap_or_default();
    let renewal = status.renewal.map(minute).unwrap_or_default();
    format!("there{from}, valid until {until}; renewed {renewal}")
}

fn limited(bound: Bound, until: Timestamp) -> String {
    let why = match bound {
        Bound::Names => "there were as many for these names in a week as a CA allows",
        Bound::Account => "there were as many orders in three hours as a CA allows",
    };
    let until = minute(until);
    format!("not ordered before {until}: {why}; find out what asks again and again")
}

fn failed(failing: &Failing) -> String {
    let failure = &failing.last;
    let mut said = format!("failed ({}): {}", failure.kind.reason(), failure.detail);
    let of_names = failure.subproblems.iter().take(SUBPROBLEMS);
    for it in of_names.filter(|it| !failure.detail.contains(&*it.detail)) {
        said += &format!("; {}: {} ({})", it.name, it.detail, it.problem);
    }
    let (advice, until) = (failure.advice(), minute(failing.until));
    format!("{said}; {advice} Tried again {until}.")
}

/// A time, to the minute.
fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    let text = text.get(..16).unwrap_or(&text);
    format!("{}Z", text.replace('T', " "))
}

#[cfg(test)]
mod tests;
