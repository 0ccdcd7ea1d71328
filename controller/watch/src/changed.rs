//! What changed, in the terms of those who act on it.

use std::collections::BTreeSet;

use portreeve_translate::{Content, Kind, ObjectKey, service};

/// What kinds of things changed since this was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Anything that only a whole translation can tell the effects of.
    pub routes: bool,
    /// Services of which only endpoints changed, as far as this set goes.
    pub endpoints: BTreeSet<ObjectKey>,
    /// The status of an Ingress or a Service, which no translation reads.
    pub status: bool,
}

impl Changed {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes that `content` is not as it was, or came, or went.
    pub(crate) fn note(&mut self, content: &Content) {
        match content {
            Content::EndpointSlice(slice) => self.endpoints.extend(service::of_slice(slice)),
            _ => self.routes = true,
        }
    }

    /// Notes that the status of such an object may be needed, or no longer.
    pub(crate) fn note_status(&mut self, kind: Kind) {
        self.status |= matches!(kind, Kind::Ingress | Kind::Service);
    }
}
