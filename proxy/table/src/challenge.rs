//! What an ACME server is answered when it asks whether a name is ours to have a certificate for.
//!
//! A challenge says what to answer and for which name; it holds nothing that has to be kept secret,
//! and answers for no other name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::identifier::Identifier;
use crate::route::Origin;

/// The answer to one ACME challenge (RFC 8555, section 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The Ingress whose certificate is being proven.
    pub origin: Origin,
    /// What is being proven; the token is answered for nothing else.
    pub host: Identifier,
    /// The key authorization (RFC 8555, section 8.1): what to answer, or to make a digest of.
    pub key_authorization: Box<str>,
    /// How the server asks.
    #[serde(default, skip_serializing_if = "ChallengeKind::is_usual")]
    pub kind: ChallengeKind,
}

/// How an ACME server asks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum ChallengeKind {
    /// By a request to port 80 for a path that holds the token (RFC 8555, section 8.3).
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// By a handshake on port 443 that offers `acme-tls/1` and nothing else (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

impl ChallengeKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Http01, Self::TlsAlpn01];

    /// Its name in ACME (RFC 8555, section 9.7.8).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }

    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which text is not a kind of challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of challenge; write http-01 or tls-alpn-01")]
pub struct ChallengeKindError(String);

impl FromStr for ChallengeKind {
    type Err = ChallengeKindError;

    fn from_str(text: &str) -> Result<Self, ChallengeKindError> {
        let named = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| ChallengeKindError(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_back_from_its_text_and_from_its_json() {
        for kind in ChallengeKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
        assert!("dns-01".parse::<ChallengeKind>().is_err());
    }
}
