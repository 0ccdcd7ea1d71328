//! What there is to measure, in the Prometheus text format.
//!
//! Everything is looked up when it is asked for; the families are the one list that drives the
//! exposition and its documentation.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_process::metrics::{self, Family, Samples, flag, one};
use portreeve_translate::Severity;
use portreeve_watch::families;

use crate::admin::State;
use crate::counts::Count;
use crate::serve::Refusal;

/// Every family but those of watches and of [`Count`], in the order in which they are shown.
pub(crate) const FAMILIES: &[Family<State>] = portreeve_process::families! {
    "portreeve_build_info" gauge Some("version"),
        "1, labelled with the version.", |_| vec![(env!("CARGO_PKG_VERSION"), 1.0)];
    "portreeve_ready" gauge None,
        "1 while the controller is ready for proxies.", |state| one(flag(state.is_ready()));
    "nginx_ingress_controller_leader_election_status" gauge None,
        "1 while this controller is the one that writes.",
        |state| one(flag(state.leadership.is_leader()));
    "portreeve_published_number" gauge None,
        "The number of the latest publication, 0 before there is one.",
        |state| one(state.latest.borrow().as_ref().map_or(0.0, |latest| latest.number as f64));
    "portreeve_published_timestamp_seconds" gauge None,
        "When the latest publication was made, in seconds since 1970.",
        |state| one(state.latest.borrow().as_ref().map_or(0.0, |latest| seconds(latest.since)));
    "portreeve_translation_seconds" gauge None,
        "How long it took to translate everything when that was last done.",
        |state| one(state.latest.borrow().as_ref().map_or(0.0, |latest| latest.took.as_secs_f64()));
    "portreeve_published_resources" gauge Some("kind"),
        "Resources of the latest publication by kind: host, upstream, cert, challenge.", resources;
    "portreeve_loss_held" gauge None,
        "1 while a publication is held back because it would take most of the routes that serve away.",
        |state| one(flag(*state.is_loss_held.borrow()));
    "portreeve_diagnostics" gauge Some("severity"),
        "What is wrong with objects now, by severity: error, warning.", diagnostics;
    "portreeve_proxies" gauge Some("state"),
        "Connected proxies: all, those that have the latest publication (current), and those that could not take all of it (rejecting).",
        proxies;
    "portreeve_rejected_resources" gauge Some("kind"),
        "Resources that a connected proxy could not take, or not as they were meant, by kind: host, upstream, cert, challenge.",
        rejected;
    "portreeve_rejections_total" counter None,
        "Times that a proxy could not take something.",
        |state| one(state.fleet.rejections() as f64);
    "portreeve_sessions_refused_total" counter Some("reason"),
        "Connections that were not given a session, by reason.", refusals;
};

/// The whole exposition.
pub(crate) fn render(state: &State) -> String {
    let mut text = metrics::render(FAMILIES, state) + &metrics::render(families(), state);
    for count in Count::ALL {
        metrics::head(&mut text, count.name(), count.help(), true);
        let _ = writeln!(text, "{} {}", count.name(), state.counts.get(*count));
    }
    text += &state.figures.render();
    text
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

fn resources(state: &State) -> Samples {
    let latest = state.latest.borrow();
    let Some(config) = latest.as_ref().map(|latest| &latest.translation.config) else {
        return Vec::new();
    };
    let counts = [
        ("host", config.hosts.len()),
        ("upstream", config.upstreams.len()),
        ("cert", config.certs.len()),
        ("challenge", config.challenges.len()),
    ];
    counts.map(|(kind, count)| (kind, count as f64)).into()
}

fn diagnostics(state: &State) -> Samples {
    let latest = state.latest.borrow();
    let found = latest
        .iter()
        .flat_map(|latest| &latest.translation.diagnostics);
    let errors = found
        .clone()
        .filter(|found| found.code.severity() == Severity::Error);
    let (errors, all) = (errors.count(), found.count());
    vec![("error", errors as f64), ("warning", (all - errors) as f64)]
}

fn proxies(state: &State) -> Samples {
    let number = state
        .latest
        .borrow()
        .as_ref()
        .map_or(0, |latest| latest.number);
    let counts = state.fleet.counts(number);
    counts.map(|(state, count)| (state, count as f64)).into()
}

fn rejected(state: &State) -> Samples {
    let counts = state.fleet.rejected_by_kind();
    counts.map(|(kind, count)| (kind, count as f64)).into()
}

fn refusals(state: &State) -> Samples {
    let all = Refusal::ALL.iter();
    let all = all.map(|refusal| (refusal.as_str(), state.fleet.refusals(*refusal) as f64));
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_each_says_a_sentence() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.extend(Count::ALL.iter().map(|count| count.name()));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(FAMILIES.iter().all(|family| family.help.ends_with('.')));
    }
}
