//! What is said of certificates in Events, beside the Ingress that wants each.
//!
//! A step stands for as long as it takes, a failure until the certificate is there, and that it was
//! issued for a while. Nothing that a key could be told from is ever said.

use std::collections::BTreeMap;
use std::time::Duration;

use portreeve_acme::{Bound, Failing, Phase, Status, Statuses, WantId};
use portreeve_table::{Origin, legible};
use portreeve_translate::{Kind, ObjectRef};
use tokio::time::Instant;

use super::reason::Reason;
use crate::events::Notice;

#[cfg(test)]
mod tests;

/// How long it is said that a certificate was issued.
const NEWS: Duration = Duration::from_secs(600);
/// How many names are listed.
const NAMES: usize = 5;
/// How many of the CA's words on single names are.
const SUBPROBLEMS: usize = 3;

/// What was seen of each certificate.
#[derive(Debug, Default)]
pub(super) struct Told {
    known: BTreeMap<WantId, Known>,
    news: Vec<(Instant, Notice)>,
}

/// What was seen of one.
#[derive(Clone, Debug, Default)]
struct Known {
    /// How many were issued, of which that was said.
    issued: u64,
    /// Whether there was one before.
    was_there: bool,
}

impl Told {
    /// What is to be said now. `uid` tells an Ingress from others that had its name.
    pub(super) fn notices(
        &mut self,
        statuses: &Statuses,
        uid: impl Fn(&Origin) -> Option<Box<str>>,
        now: Instant,
    ) -> Vec<Notice> {
        self.known.retain(|id, _| statuses.contains_key(id));
        self.news.retain(|(since, _)| *since + NEWS > now);
        let mut notices = Vec::new();
        for (id, status) in &**statuses {
            let notice = |reason: Reason, note: String| notice(status, &uid, reason, &note);
            notices.extend(step(status).map(|(reason, note)| notice(reason, note)));
            let failing = status.failing.as_ref();
            notices.extend(failing.map(|it| notice(it.last.kind.into(), failed(status, it))));
            if let Some((reason, note)) = self.known.entry(id.clone()).or_default().news(status) {
                self.news.push((now, notice(reason, note)));
            }
        }
        notices.extend(self.news.iter().map(|(_, notice)| notice.clone()));
        notices
    }

    /// Until when it is all to be said, if nothing changes.
    pub(super) fn until(&self) -> Option<Instant> {
        self.news.iter().map(|(since, _)| *since + NEWS).min()
    }
}

impl Known {
    /// Whether a certificate has come since.
    fn news(&mut self, status: &Status) -> Option<(Reason, String)> {
        let is_new = status.phase == Phase::Issued && status.issued > self.issued;
        let reason = match self.was_there {
            true => Reason::Renewed,
            false => Reason::Issued,
        };
        if status.phase == Phase::Issued || status.issued == self.issued {
            self.was_there = status.not_after.is_some();
            self.issued = status.issued;
        }
        is_new.then(|| (reason, issued(status)))
    }
}

fn notice(
    status: &Status,
    uid: &impl Fn(&Origin) -> Option<Box<str>>,
    reason: Reason,
    note: &str,
) -> Notice {
    let Origin { namespace, name } = status.origin.clone();
    let object = ObjectRef {
        kind: Kind::Ingress,
        namespace,
        name,
    };
    let uid = uid(&status.origin);
    let mut notice = Notice::warning(object, uid.as_deref(), reason.as_str(), "Certify", note);
    notice.severity = reason.severity();
    notice
}

/// The step that is being taken, or what stands in its way.
fn step(status: &Status) -> Option<(Reason, String)> {
    let what = what(status);
    let said = match &status.phase {
        Phase::Queued | Phase::Issued | Phase::Failed { .. } => return None,
        Phase::Ordering(ca) => {
            let note = format!("{what} is ordered from {ca}.");
            (Reason::Ordered, note)
        }
        Phase::Answering => {
            let note =
                format!("{what}: proxies are given the answers to challenges, and each is asked.");
            (Reason::Answering, note)
        }
        Phase::Validating => {
            let note = format!("{what}: every proxy answers, and the CA has been told to look.");
            (Reason::Validating, note)
        }
        Phase::Finalizing => {
            let note = format!("{what}: its names are proven, and the CA is asked for it.");
            (Reason::Finalizing, note)
        }
        Phase::Limited { bound, until } => {
            let why = match bound {
                Bound::Names => "there were as many for the same names in a week as a CA allows",
                Bound::Account => "there were as many orders in three hours as a CA allows",
            };
            let note = format!("{what} is not ordered before {}: {why}.", minute(*until));
            (Reason::Limited, note)
        }
        Phase::Foreign => {
            let note = format!(
                "{what} is not ordered: the Secret is there without the annotation {}, so it is not \
                 of our making, and is left as it is. Name another Secret, or hand this one over by \
                 the annotation, with the URL of the CA's directory, if its type is kubernetes.io/tls.",
                portreeve_acme::ISSUER,
            );
            (Reason::Foreign, note)
        }
    };
    Some(said)
}

fn issued(status: &Status) -> String {
    let by = status.issuer.as_ref();
    let by = by.map_or_else(String::new, |ca| format!(" by {ca}"));
    let until = status.not_after.map_or_else(String::new, |until| {
        format!(", valid until {}", minute(until))
    });
    let renewal = status.renewal.map_or_else(String::new, |renewal| {
        format!(" and to be renewed {}", minute(renewal))
    });
    format!("{} was issued{by}{until}{renewal}.", what(status))
}

/// What went wrong, in the CA's words, and what to do. When it is tried again is not said, so that
/// the same failure is one Event.
fn failed(status: &Status, failing: &Failing) -> String {
    let failure = &failing.last;
    let mut note = format!("{} was not issued: {}", what(status), failure.detail);
    let of_names = failure.subproblems.iter().take(SUBPROBLEMS);
    for it in of_names.filter(|it| !failure.detail.contains(&*it.detail)) {
        note += &format!("; {}: {} ({})", it.name, it.detail, it.problem);
    }
    let end = if note.ends_with('.') { "" } else { "." };
    // The advice must not be what is cut off.
    let advice = format!("{end} {}", failure.advice());
    let room = portreeve_translate::NOTE.saturating_sub(advice.len());
    let note = legible(note);
    let note = portreeve_translate::cut(&note, room).to_string();
    note + &advice
}

/// Which certificate.
fn what(status: &Status) -> String {
    let first = status.names.iter().take(NAMES);
    let names: Vec<_> = first.map(ToString::to_string).collect();
    let more = match status.names.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let secret = &status.secret.secret;
    format!(
        "The certificate for {}{more} in Secret {secret}",
        names.join(", ")
    )
}

/// A time, to the minute.
fn minute(time: jiff::Timestamp) -> String {
    let text = time.to_string();
    let text = text.get(..16).unwrap_or(&text);
    format!("{}Z", text.replace('T', " "))
}
