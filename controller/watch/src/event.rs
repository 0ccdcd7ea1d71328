//! What a feed tells the store.

use std::fmt;

use k8s_openapi::api::core::v1::LoadBalancerIngress;
use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress;
use portreeve_translate::{Content, ObjectKey};

use crate::watched::Watched;

/// Something about one kind.
pub(crate) struct Message {
    pub kind: Watched,
    pub event: Event,
}

/// What happened. A kind's events come in order.
pub(crate) enum Event {
    /// A list begins: what it does not name is gone when it ends.
    Begin,
    /// There is such an object.
    Present(ObjectKey, Version, Box<Present>),
    /// It is gone.
    Gone(ObjectKey, Version),
    /// The list is whole.
    End,
}

/// An object that is there.
pub(crate) enum Present {
    /// As it is now.
    Read(Trimmed),
    /// It cannot be read, so what was known before still counts.
    Unreadable,
}

/// An object without what nobody reads.
pub(crate) struct Trimmed {
    /// What is translated.
    pub content: Content,
    /// What is not, but is needed to write a status.
    pub status: Status,
    /// Counts its changes of spec.
    pub generation: Option<i64>,
}

/// The addresses under which an object is said to be reachable.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Status {
    #[default]
    None,
    Ingress(Vec<IngressLoadBalancerIngress>),
    Service(Vec<LoadBalancerIngress>),
}

/// A `resourceVersion`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version(Box<str>);

impl Version {
    pub(crate) fn new(text: Option<&str>) -> Self {
        Self(text.unwrap_or_default().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is surely older: versions of one kind are numbers that grow (KEP-5504), and
    /// nothing is said of what is not a number.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let number = |version: &Self| version.0.parse::<u128>().ok();
        number(self)
            .zip(number(other))
            .is_some_and(|(this, other)| this < other)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
