//! What there is to measure, in the Prometheus text format.
//!
//! Everything is looked up when it is asked for; the families are the one list that drives the
//! exposition and its documentation.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_translate::Severity;

use crate::admin::State;
use crate::counts::Count;
use crate::serve::Refusal;

/// A metric family.
#[derive(Debug)]
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
type Samples = Vec<(&'static str, f64)>;

macro_rules! families {
    ($($name:literal $kind:ident $label:expr, $help:literal, $read:expr;)*) => {
        /// Every family but those of [`Count`], in the order in which they are shown.
        pub(crate) const FAMILIES: &[Family] = &[$(Family {
            name: $name,
            is_counter: families!(@$kind),
            help: $help,
            label: $label,
            read: $read,
        },)*];
    };
    (@counter) => { true };
    (@gauge) => { false };
}

families! {
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
    "portreeve_watch_objects" gauge Some("kind"),
        "Objects that are known, by kind.", |state| watches(state, |kind| kind.objects as f64);
    "portreeve_watch_synced" gauge Some("kind"),
        "1 when every object of the kind is known.", |state| watches(state, |kind| flag(kind.synced));
    "portreeve_watch_silent_seconds" gauge Some("kind"),
        "How long ago the API server last said anything about the kind.",
        |state| watches(state, |kind| kind.silent as f64);
    "portreeve_watch_relists_total" counter Some("kind"),
        "How often a whole kind was listed again.", |state| watches(state, |kind| kind.relists as f64);
    "portreeve_watch_errors_total" counter Some("kind"),
        "How often the watch of a kind failed.", |state| watches(state, |kind| kind.errors as f64);
    "portreeve_watch_unreadable_total" counter Some("kind"),
        "Events whose object could not be read; its last good value stays.",
        |state| watches(state, |kind| kind.unreadable as f64);
}

/// The whole exposition.
pub(crate) fn render(state: &State) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        head(&mut text, family.name, family.help, family.is_counter);
        for (value, sample) in (family.read)(state) {
            let label = family.label.map(|label| format!("{{{label}=\"{value}\"}}"));
            let _ = writeln!(
                text,
                "{}{} {sample}",
                family.name,
                label.unwrap_or_default()
            );
        }
    }
    for count in Count::ALL {
        head(&mut text, count.name(), count.help(), true);
        let _ = writeln!(text, "{} {}", count.name(), state.counts.get(*count));
    }
    text
}

fn head(text: &mut String, name: &str, help: &str, is_counter: bool) {
    let kind = if is_counter { "counter" } else { "gauge" };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn one(value: f64) -> Samples {
    vec![("", value)]
}

fn flag(holds: bool) -> f64 {
    u8::from(holds).into()
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

fn watches(state: &State, read: fn(&portreeve_watch::KindHealth) -> f64) -> Samples {
    let kinds = state.health.kinds();
    let samples = kinds.iter().map(|kind| (kind.kind.as_str(), read(kind)));
    samples.collect()
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
