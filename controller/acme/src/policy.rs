//! What an administrator decides for all certificates.

use std::time::Duration;

use crate::budget::Limits;
use crate::store::CaId;
use crate::want::{ChallengeChoice, KeyType};

/// What holds for every certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The CA that certificates come from.
    pub primary: CaId,
    /// The CA that is tried before the first order for names, whose certificates nobody trusts.
    pub staging: Option<CaId>,
    /// The CA that is tried when the other fails.
    pub fallback: Option<CaId>,
    /// After how many failures of one CA in a row the next is tried.
    pub patience: u32,
    /// The profile of certificates whose Ingress names none; it is one of the primary CA's.
    pub profile: Option<Box<str>>,
    /// The key of certificates whose Ingress says nothing of it.
    pub key_type: KeyType,
    /// How names are proven whose Ingress says nothing of it.
    pub challenge: ChallengeChoice,
    /// The longest time between two questions to the CA about when to renew.
    pub ask_every: Duration,
    /// How much may be ordered.
    pub limits: Limits,
    /// How many orders of one CA are under way at once.
    pub parallel: usize,
    /// How long a certificate that nobody wants any more is kept; for ever without one.
    pub prune_after: Option<Duration>,
    /// How old the key of an account becomes; as old as the account without one.
    pub key_rollover: Option<Duration>,
}

impl Policy {
    /// Everything from one CA, and the rest as it is by default.
    pub fn new(primary: CaId) -> Self {
        Self {
            primary,
            staging: None,
            fallback: None,
            patience: 3,
            profile: None,
            key_type: KeyType::default(),
            challenge: ChallengeChoice::default(),
            ask_every: Duration::from_secs(6 * 3600),
            limits: Limits::default(),
            parallel: 20,
            prune_after: None,
            key_rollover: None,
        }
    }

    /// Whether orders at `ca` are for certificates that nobody trusts.
    pub(crate) fn is_staging(&self, ca: &CaId) -> bool {
        self.staging.as_ref() == Some(ca)
    }

    /// The CAs that are used.
    pub(crate) fn cas(&self) -> impl Iterator<Item = &CaId> {
        let others = self.staging.iter().chain(&self.fallback);
        std::iter::once(&self.primary).chain(others)
    }

    /// Whether `ca` is still one of those that are used.
    pub(crate) fn knows(&self, ca: &CaId) -> bool {
        self.cas().any(|known| known == ca)
    }
}
