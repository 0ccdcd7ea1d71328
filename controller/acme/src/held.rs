//! The certificate that is there already, as far as it decides what comes next.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use crate::want::Name;

/// What is known of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its names, sorted, each once; those that we could never have asked for are left out.
    pub names: Vec<Name>,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// The SHA-256 of the leaf, in hexadecimal: which certificate it is.
    pub fingerprint: Box<str>,
}

/// Why a chain is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a certificate chain: {0}")]
pub struct HeldError(String);

impl Held {
    /// What the leaf of `chain` (PEM) says.
    ///
    /// # Errors
    /// When there is no certificate at its beginning.
    pub fn read(chain: &str) -> Result<Self, HeldError> {
        let leaf = CertificateDer::from_pem_slice(chain.as_bytes());
        let leaf = leaf.map_err(|error| HeldError(error.to_string()))?;
        let (_, parsed) =
            parse_x509_certificate(&leaf).map_err(|error| HeldError(error.to_string()))?;
        let validity = parsed.validity();
        Ok(Self {
            names: names(&parsed),
            not_before: timestamp(validity.not_before.timestamp())?,
            not_after: timestamp(validity.not_after.timestamp())?,
            fingerprint: fingerprint(&leaf),
        })
    }

    /// How long it is valid for in all.
    pub fn lifetime(&self) -> jiff::SignedDuration {
        self.not_after.duration_since(self.not_before)
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<Name> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let all = &extension.value.general_names;
    let mut names: Vec<Name> = all.iter().filter_map(name).collect();
    names.sort();
    names.dedup();
    names
}

fn name(general: &GeneralName<'_>) -> Option<Name> {
    match general {
        GeneralName::DNSName(name) => name.parse().ok(),
        GeneralName::IPAddress(bytes) => address(bytes).map(Name::Ip),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn timestamp(seconds: i64) -> Result<Timestamp, HeldError> {
    Timestamp::from_second(seconds).map_err(|error| HeldError(error.to_string()))
}

fn fingerprint(der: &[u8]) -> Box<str> {
    let hex = |byte: &u8| format!("{byte:02x}");
    Sha256::digest(der)
        .iter()
        .map(hex)
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests;
