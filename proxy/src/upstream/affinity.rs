//! Which endpoint takes a request of a client that stays with its endpoint, by a cookie.
//!
//! The cookie is a preference and never a right: an endpoint that is gone, or that failed this
//! request, is passed over. It carries no address and nothing about the client.

mod cookie;
mod same_site;
mod session;
#[cfg(test)]
mod tests;

use portreeve_table::{Affinity, AffinityMode};

pub(crate) use cookie::{Visit, set_cookie};
pub(crate) use session::Session;

use super::balance::{Choice, mix};
use super::endpoint::EndpointSet;

/// How many keys are drawn to find one that leads to an endpoint that was not tried.
const DRAWS: u64 = 32;

/// Where a request of a session goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The index of the endpoint.
    pub(crate) endpoint: usize,
    /// The session that the client is to be told, when it has none or another.
    pub(crate) start: Option<Session>,
}

impl EndpointSet {
    /// Which endpoint takes this request; `tried` are those that it was already sent to.
    ///
    /// A retry goes elsewhere, but the client keeps its session unless `change_on_failure`.
    /// `None` when there is no other left that takes requests.
    pub(crate) fn pick_session(
        &self,
        affinity: &Affinity,
        session: Option<Session>,
        request: &Choice,
        tried: &[usize],
    ) -> Option<Pinned> {
        let session = session.filter(|_| tried.is_empty() || !affinity.change_on_failure);
        match (affinity.mode, session) {
            (AffinityMode::Balanced, Some(session)) => self.failover(session, tried),
            (AffinityMode::Balanced, None) => self.start_balanced(request.random, tried),
            (AffinityMode::Persistent, Some(session)) => match self.named_by(session) {
                Some(endpoint) if tried.contains(&endpoint) => self.failover(session, tried),
                Some(endpoint) => Some(Pinned {
                    endpoint,
                    start: None,
                }),
                None => self.start_persistent(request.random, tried),
            },
            (AffinityMode::Persistent, None) => self.start_persistent(request.random, tried),
        }
    }

    /// The endpoint that a session prefers among those that were not tried.
    fn failover(&self, session: Session, tried: &[usize]) -> Option<Pinned> {
        let endpoint = self.preferred(session.key(), |index, _| !tried.contains(&index))?;
        Some(Pinned {
            endpoint,
            start: None,
        })
    }

    /// A session whose first choice is an endpoint that was not tried.
    fn start_balanced(&self, random: u64, tried: &[usize]) -> Option<Pinned> {
        let mut drawn = (0..DRAWS).map(|n| Session::new(mix(random.wrapping_add(n))));
        let lucky = drawn.find_map(|session| {
            let endpoint = self.preferred(session.key(), |_, _| true)?;
            let untried = !tried.contains(&endpoint);
            untried.then_some(Pinned {
                endpoint,
                start: Some(session),
            })
        });
        // Where one endpoint outweighs all others and failed, the next request starts the session.
        lucky.or_else(|| self.failover(Session::new(random), tried))
    }

    fn start_persistent(&self, random: u64, tried: &[usize]) -> Option<Pinned> {
        let pinned = self.failover(Session::new(random), tried)?;
        let start = self.endpoints().get(pinned.endpoint).map(|e| e.session);
        Some(Pinned { start, ..pinned })
    }

    /// The endpoint that a persistent session names. It may be one that takes no new requests,
    /// because it is going or weighs nothing: its sessions stay until it is gone.
    fn named_by(&self, session: Session) -> Option<usize> {
        let mut endpoints = self.endpoints().iter();
        endpoints.position(|endpoint| endpoint.session == session)
    }
}
