//! Which certificates are to be ordered from an ACME authority.
//!
//! What is wanted is always all of it: when each is ordered or renewed is decided by whoever orders,
//! who knows the clock and the authority.

use std::fmt;
use std::str::FromStr;

use portreeve_table::{CertKey, ChallengeKind, Origin};

/// The annotation by which an issued Secret is known to be ours to write: the URL of the directory
/// that it was ordered from. A Secret without it is never written.
pub const OWNER_MARK: &str = "portreeve.dev/acme-issuer";

/// A certificate that Ingresses want from an ACME authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateWanted {
    /// The oldest Ingress that wants it.
    pub origin: Origin,
    /// The Secret to put it into.
    pub secret: CertKey,
    /// What it must cover, sorted and each once: DNS names as A-labels in lower case, addresses as
    /// text. Never empty, never a wildcard.
    pub names: Vec<Box<str>>,
    /// The authority's profile, where the Ingress names one.
    pub profile: Option<Box<str>>,
    /// The kind of its key, where the Ingress names one.
    pub key_type: Option<KeyType>,
    /// How the authority may ask, where the Ingress says it.
    pub challenge: Option<ChallengeChoice>,
}

/// The kind of a certificate's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// On the curve P-256.
    #[default]
    EcdsaP256,
    /// On the curve P-384.
    EcdsaP384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl KeyType {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::Rsa2048,
        Self::Rsa4096,
    ];

    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa4096 => "rsa-4096",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which text is not a kind of key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of key; write ecdsa-p256, ecdsa-p384, rsa-2048 or rsa-4096")]
pub struct KeyTypeError(String);

impl FromStr for KeyType {
    type Err = KeyTypeError;

    fn from_str(text: &str) -> Result<Self, KeyTypeError> {
        let named = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        named.ok_or_else(|| KeyTypeError(text.into()))
    }
}

/// Which kinds of challenges may be used for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeChoice {
    /// Any of them.
    #[default]
    Any,
    /// This one.
    Only(ChallengeKind),
}

impl ChallengeChoice {
    /// Whether a kind may be used.
    pub fn allows(self, kind: ChallengeKind) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == kind,
        }
    }
}

impl fmt::Display for ChallengeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Only(kind) => kind.fmt(f),
        }
    }
}

/// Which text is not a choice of challenges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a choice of challenges; write http-01, tls-alpn-01 or any")]
pub struct ChallengeChoiceError(String);

impl FromStr for ChallengeChoice {
    type Err = ChallengeChoiceError;

    fn from_str(text: &str) -> Result<Self, ChallengeChoiceError> {
        match text {
            "any" => Ok(Self::Any),
            kind => kind
                .parse()
                .map(Self::Only)
                .map_err(|_| ChallengeChoiceError(text.into())),
        }
    }
}
