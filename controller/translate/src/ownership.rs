//! Which namespace may use which host, where an administrator has a rule for that.
//!
//! What a namespace may not use is taken out of its claims before they are merged, so that nothing
//! behind can serve it by mistake. What it has beside that stays as it is.

mod admit;
mod first;
mod listed;
mod refusal;

use portreeve_table::HostPattern;

use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::object::ObjectKey;
use crate::options::{HostOwnership, Options};
use crate::snapshot::Snapshot;
use first::Owners;
pub use listed::HOSTS;
use listed::Lists;
pub(crate) use listed::listed;
use refusal::Refusal;

/// Who may use which host.
#[derive(Debug)]
pub(crate) enum Ownership<'a> {
    Any,
    First(Owners<'a>),
    Listed(Lists<'a>),
}

impl<'a> Ownership<'a> {
    /// What claims that are sorted by age come to, or what Namespaces say.
    pub(crate) fn of(
        claims: impl Iterator<Item = &'a Claims>,
        snapshot: &'a Snapshot,
        options: &Options,
    ) -> Self {
        match options.host_ownership {
            HostOwnership::Any => Self::Any,
            HostOwnership::First => Self::First(Owners::of(claims)),
            HostOwnership::Listed => Self::Listed(Lists::of(snapshot)),
        }
    }

    /// Whether what an Ingress of this name asks for a host is served.
    pub(crate) fn allows(&self, ingress: &ObjectKey, host: &HostPattern) -> bool {
        self.refusal(&ingress.namespace, host).is_none()
    }

    /// Why a namespace may not use a host; `None` when it may.
    pub(crate) fn refusal<'s>(
        &'s self,
        namespace: &'s str,
        host: &'s HostPattern,
    ) -> Option<Refusal<'s>> {
        match self {
            Self::Any => None,
            Self::First(owners) => owners.refusal(namespace, host),
            Self::Listed(lists) => lists.refusal(namespace, host),
        }
    }

    /// What is wrong with the lists.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        match self {
            Self::Any | Self::First(_) => Vec::new(),
            Self::Listed(lists) => lists.diagnostics(),
        }
    }
}
