//! What went wrong on the way to a certificate, grouped by what is to be done about it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::want::Name;

/// What kind of failure: a closed set, which metrics, Events and the choice of what comes next share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The CA cannot be reached: DNS, TCP or TLS to it.
    Connection,
    /// The CA did not answer in time.
    Timeout,
    /// The CA's answer cannot be read.
    Malformed,
    /// The CA says that we ask too much (`rateLimited`, or status 429).
    RateLimited,
    /// The CA refused one nonce after the other (`badNonce`).
    BadNonce,
    /// The CA says that the fault is its own (`serverInternal`, or status 500 and above).
    ServerInternal,
    /// The CA looked for an answer to a challenge and found another or none.
    Challenge,
    /// The CA could not resolve a name.
    Dns,
    /// A CAA record forbids this CA to issue for a name.
    Caa,
    /// The CA does not issue for a name, or not with this profile.
    RejectedIdentifier,
    /// The account is unknown or deactivated, or must agree to something.
    Account,
    /// The order is invalid, or gone.
    OrderInvalid,
    /// The certificate is not the one that was ordered.
    BadCertificate,
    /// Not every proxy answers the challenges.
    DoorsClosed,
    /// State cannot be read or written.
    Store,
    /// What was configured cannot be used: an unreadable root, an unknown profile.
    Configuration,
}

/// What the CA says of one name (a subproblem, RFC 8555 section 6.7.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subproblem {
    /// The name.
    pub name: Name,
    /// The problem's type, such as `urn:ietf:params:acme:error:dns`.
    pub problem: Box<str>,
    /// The CA's own words.
    pub detail: Box<str>,
}

/// One failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened, in one line: the CA's problem type and detail where it gave them.
    pub detail: String,
    /// What the CA says of each name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<Subproblem>,
    /// How long the CA asks to be left alone (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of which no more is known.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            subproblems: Vec::new(),
            retry_after: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(FailureKind::Store, error.to_string())
    }
}
