//! A certificate that somebody wants, as the names in it and the Secret it goes to.
//!
//! Nothing here says whether it is due; [`crate::plan`] does.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use portreeve_table::{CertKey, HostPattern, Origin};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// One name of a certificate (an identifier, RFC 8555 section 9.7.7, and RFC 8738 for addresses).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// A DNS name in lower case and A-label form, never a wildcard.
    Dns(Box<str>),
    /// An address.
    Ip(IpAddr),
}

/// Why a text is not a [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a name that can be proven over HTTP or TLS: write a DNS name in its A-label form, \
     or an address, and no wildcard"
)]
pub struct NameError(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        match HostPattern::parse(text) {
            Ok(HostPattern::Exact(name)) => Ok(Self::Dns(name)),
            _ => Err(NameError(text.into())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Which key a certificate has.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// The NIST curve P-256.
    #[default]
    #[serde(rename = "ecdsa-p256")]
    #[value(name = "ecdsa-p256")]
    EcdsaP256,
    /// The NIST curve P-384.
    #[serde(rename = "ecdsa-p384")]
    #[value(name = "ecdsa-p384")]
    EcdsaP384,
    /// RSA with 2048 bits.
    #[serde(rename = "rsa-2048")]
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// RSA with 4096 bits.
    #[serde(rename = "rsa-4096")]
    #[value(name = "rsa-4096")]
    Rsa4096,
}

/// How names are to be proven.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChallengeChoice {
    /// Over HTTP on port 80 (RFC 8555, section 8.3), and no other way.
    #[serde(rename = "http-01")]
    #[value(name = "http-01")]
    Http01,
    /// Over TLS on port 443 (RFC 8737), and no other way.
    #[serde(rename = "tls-alpn-01")]
    #[value(name = "tls-alpn-01")]
    TlsAlpn01,
    /// HTTP-01 where the CA offers it, and otherwise TLS-ALPN-01.
    #[default]
    Any,
}

/// A certificate that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The object that asks for it, beside which it is said how things go.
    pub origin: Origin,
    /// Where the certificate goes.
    pub secret: CertKey,
    /// Its names, sorted, each once.
    names: Vec<Name>,
    /// The CA's profile, where one is asked for.
    pub profile: Option<Box<str>>,
    /// Its key, where it is not to be the administrator's choice.
    pub key_type: Option<KeyType>,
    /// How its names are proven, where that is not to be the administrator's choice.
    pub challenge: Option<ChallengeChoice>,
    /// What stands in its Secret, as whoever asks sees it: a hash or a version.
    /// Whenever it changes, the Secret is looked at again; without one, it is looked at hourly.
    pub seen: Option<Box<str>>,
}

impl Want {
    /// A want with everything else as the administrator has it.
    pub fn new(origin: Origin, secret: CertKey, names: impl IntoIterator<Item = Name>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        names.dedup();
        Self {
            origin,
            secret,
            names,
            profile: None,
            key_type: None,
            challenge: None,
            seen: None,
        }
    }

    /// Its names, sorted, each once.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// What it is kept under: other names or another Secret make another want.
    pub fn id(&self) -> WantId {
        WantId::of(&self.secret, &self.names)
    }
}

/// Which want: the SHA-256 of its Secret and its names, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WantId(Box<str>);

impl WantId {
    /// The id of a certificate for `names` (sorted) in `secret`.
    pub fn of(secret: &CertKey, names: &[Name]) -> Self {
        let mut hash = Sha256::new();
        hash.update(secret.to_string());
        for name in names {
            // No name holds a line break, so that no two lists come to the same bytes.
            hash.update(format!("\n{name}"));
        }
        let hex = |byte: &u8| format!("{byte:02x}");
        let text: String = hash.finalize().iter().map(hex).collect();
        Self(text.into())
    }

    /// Its 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not a [`WantId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not 64 hexadecimal digits")]
pub struct WantIdError(String);

impl FromStr for WantId {
    type Err = WantIdError;

    fn from_str(text: &str) -> Result<Self, WantIdError> {
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text.into()))
        } else {
            Err(WantIdError(text.into()))
        }
    }
}

impl fmt::Display for WantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
