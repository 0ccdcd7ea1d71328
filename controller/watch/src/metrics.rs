//! What there is to measure of watches, for whichever program has them.

use portreeve_process::metrics::{Family, Samples, flag};

use crate::health::{Health, KindHealth};

/// Whatever has watches.
pub trait Watching {
    /// How they are doing.
    fn health(&self) -> &Health;
}

/// The families of watches, in the order in which they are shown.
pub fn families<S: Watching>() -> &'static [Family<S>] {
    portreeve_process::families! {
        "portreeve_watch_objects" gauge Some("kind"),
            "Objects that are known, by kind.", |state| of(state, |kind| kind.objects as f64);
        "portreeve_watch_synced" gauge Some("kind"),
            "1 when every object of the kind is known.", |state| of(state, |kind| flag(kind.synced));
        "portreeve_watch_silent_seconds" gauge Some("kind"),
            "How long ago the API server last said anything about the kind.",
            |state| of(state, |kind| kind.silent as f64);
        "portreeve_watch_relists_total" counter Some("kind"),
            "How often a whole kind was listed again.", |state| of(state, |kind| kind.relists as f64);
        "portreeve_watch_errors_total" counter Some("kind"),
            "How often the watch of a kind failed.", |state| of(state, |kind| kind.errors as f64);
        "portreeve_watch_unreadable_total" counter Some("kind"),
            "Events whose object could not be read; its last good value stays.",
            |state| of(state, |kind| kind.unreadable as f64);
    }
}

fn of(state: &impl Watching, read: fn(&KindHealth) -> f64) -> Samples {
    let kinds = state.health().kinds();
    let samples = kinds.iter().map(|kind| (kind.kind.as_str(), read(kind)));
    samples.collect()
}
