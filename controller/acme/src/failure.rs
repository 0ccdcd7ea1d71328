//! What went wrong on the way to a certificate, grouped by what is to be done about it.

mod advice;

use std::fmt;
use std::time::Duration;

use portreeve_table::legible;
use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::want::Name;

/// How many characters of a CA's words are kept: they go into Events and into what is kept.
const LONGEST: usize = 500;

/// What kind of failure: a closed set, which metrics, Events and the choice of what comes next share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The CA cannot be reached: DNS, TCP or TLS to it.
    Connection,
    /// The CA did not answer in time, or did not come to an end with an order.
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
    /// The CA takes what it was sent for wrong, for another reason than those above.
    Refused,
    /// The certificate is not the one that was ordered.
    BadCertificate,
    /// Not every proxy answers the challenges.
    DoorsClosed,
    /// State cannot be read or written.
    Store,
    /// What was configured cannot be used: an unreadable root, an unknown profile.
    Configuration,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Connection,
        Self::Timeout,
        Self::Malformed,
        Self::RateLimited,
        Self::BadNonce,
        Self::ServerInternal,
        Self::Challenge,
        Self::Dns,
        Self::Caa,
        Self::RejectedIdentifier,
        Self::Account,
        Self::OrderInvalid,
        Self::Refused,
        Self::BadCertificate,
        Self::DoorsClosed,
        Self::Store,
        Self::Configuration,
    ];

    /// What it is called in Events, in lines on standard error and in the labels of metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Connection => "AcmeConnection",
            Self::Timeout => "AcmeTimeout",
            Self::Malformed => "AcmeMalformed",
            Self::RateLimited => "AcmeRateLimited",
            Self::BadNonce => "AcmeBadNonce",
            Self::ServerInternal => "AcmeServerInternal",
            Self::Challenge => "AcmeChallenge",
            Self::Dns => "AcmeDns",
            Self::Caa => "AcmeCaa",
            Self::RejectedIdentifier => "AcmeRejectedIdentifier",
            Self::Account => "AcmeAccount",
            Self::OrderInvalid => "AcmeOrderInvalid",
            Self::Refused => "AcmeRefused",
            Self::BadCertificate => "AcmeBadCertificate",
            Self::DoorsClosed => "AcmeNotAnswered",
            Self::Store => "AcmeStore",
            Self::Configuration => "AcmeConfiguration",
        }
    }
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

/// One failure. Its texts hold nothing that a terminal obeys, and are cut to what a person reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The CA's problem type, such as `urn:ietf:params:acme:error:rateLimited`, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Box<str>>,
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
            problem: None,
            detail: words(detail),
            subproblems: Vec::new(),
            retry_after: None,
        }
    }

    /// What to do about it, in one sentence.
    pub fn advice(&self) -> &'static str {
        advice::advice(self)
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

/// What somebody else wrote, fit to stand in a message: in one line, and not too long.
pub(crate) fn words(text: impl Into<String>) -> String {
    let mut text = legible(text);
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
