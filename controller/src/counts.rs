//! What is counted of what is published and written to the API server, by name: the one list that
//! drives the exposition and its documentation.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($count:ident = $name:literal, $help:literal;)*) => {
        /// Something that is counted; it only ever goes up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count {
            $(#[doc = $help] $count,)*
        }

        impl Count {
            /// Everything that is counted, in the order in which it is shown.
            pub const ALL: &[Self] = &[$(Self::$count,)*];

            /// Its name in metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$count => $name,)* }
            }

            /// What it says, in one sentence.
            pub fn help(self) -> &'static str {
                match self { $(Self::$count => $help,)* }
            }
        }
    };
}

counts! {
    LossesHeld = "portreeve_losses_held_total",
        "Times that a publication was held back because it would take most of the routes that serve away.";
    StatusWrites = "portreeve_status_writes_total",
        "Statuses of Ingresses that were written or taken back.";
    StatusErrors = "portreeve_status_errors_total",
        "Writes of statuses that failed; each is tried again.";
    StatusTakeovers = "portreeve_status_takeovers_total",
        "Statuses that were taken from another writer, who had written something else.";
    StatusFights = "portreeve_status_fights_total",
        "Times that another writer was found to change an Ingress' status back again and again.";
    Events = "portreeve_events_total",
        "Events that were created or continued.";
    EventErrors = "portreeve_events_errors_total",
        "Events that could not be written; each is tried again while its cause stands.";
    EventsDelayed = "portreeve_events_delayed_total",
        "Times that there was more to say in Events than may be said at once.";
    WebhookWrites = "portreeve_webhook_writes_total",
        "Times that the authorities of the admission webhook's certificate were written into its configuration.";
    WebhookErrors = "portreeve_webhook_errors_total",
        "Times that the configuration of the admission webhook could not be read or written; it is tried again.";
    WebhookFights = "portreeve_webhook_fights_total",
        "Times that another writer was found to change the configuration of the admission webhook back again and again.";
}

/// The counts of this process.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Count::ALL.len()]);

impl Counts {
    /// How many there were.
    pub fn get(&self, count: Count) -> u64 {
        let counter = self.0.get(count as usize);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// There was one.
    pub(crate) fn add(&self, count: Count) {
        if let Some(counter) = self.0.get(count as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_each_says_a_sentence() {
        let mut names: Vec<_> = Count::ALL.iter().map(|count| count.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Count::ALL.len());
        for count in Count::ALL {
            assert!(count.help().ends_with('.'), "{count:?}");
        }
    }

    #[test]
    fn each_is_counted_by_itself() {
        let counts = Counts::default();
        counts.add(Count::Events);
        let counted = Count::ALL.iter().map(|count| counts.get(*count));
        assert_eq!(counted.sum::<u64>(), 1);
        assert_eq!(counts.get(Count::Events), 1);
    }
}
