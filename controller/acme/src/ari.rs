//! When a CA wants a certificate renewed (RFC 9773).

use std::time::Duration;

use jiff::Timestamp;

/// What the CA says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ari {
    /// From when on it is to be renewed.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// When to ask again (`Retry-After`).
    pub ask_again_in: Duration,
    /// A page that says why, where the window is not the ordinary one.
    pub explanation: Option<Box<str>>,
}
