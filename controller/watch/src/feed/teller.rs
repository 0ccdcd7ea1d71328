//! Where a feed says what it hears, and how it fares.

use portreeve_translate::{Kind, ObjectKey};
use tokio::sync::mpsc;

use super::Deaf;
use super::error::Error;
use crate::event::{Event, Message};
use crate::health::Vitals;
use crate::problem::{Problem, Report};
use crate::watched::Watched;

/// Tells for one kind.
pub(crate) struct Teller {
    pub kind: Watched,
    pub out: mpsc::Sender<Message>,
    pub vitals: Vitals,
    pub report: Report,
}

impl Teller {
    /// Tells the store, and waits while it has enough to do.
    pub(super) async fn tell(&self, event: Event) -> Result<(), Deaf> {
        let kind = self.kind;
        let sent = self.out.send(Message { kind, event }).await;
        sent.map_err(|_| Deaf)
    }

    /// The API server said something about the kind.
    pub(super) fn heard(&self) {
        self.vitals.heard();
    }

    /// A list is whole, the first one or another.
    pub(super) fn listed(&self, again: bool) {
        let times = u64::from(again);
        self.vitals.update(|health| health.relists += times);
    }

    /// Something failed, and is tried again.
    pub(super) fn failed(&self, error: &Error) {
        let message = error.to_string();
        if self.vitals.failed(&message) {
            self.report(None, message);
        }
    }

    /// An object cannot be read.
    pub(super) fn unreadable(&self, object: Option<&ObjectKey>, why: &str) {
        self.vitals.update(|health| health.unreadable += 1);
        // The reason may quote the data.
        let shown = match self.kind.kind() {
            Kind::Secret => "",
            _ => why,
        };
        let message = format!("it cannot be read and stays as it was before: {shown}");
        self.report(object.cloned(), message.trim_end_matches(": ").into());
    }

    fn report(&self, object: Option<ObjectKey>, message: String) {
        let kind = self.kind;
        (self.report)(&Problem {
            kind,
            object,
            message,
        });
    }
}
