//! What a certificate says of itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

/// Tells one certificate from another: all of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(pub(super) Vec<u8>);

/// What matters here of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) id: Id,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) is_authority: bool,
    /// The DNS names whose holder it is.
    pub(super) names: BTreeSet<String>,
    /// The public key, in DER.
    pub(super) public_key: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a text.
    ///
    /// # Errors
    /// In words, when it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(text.as_bytes());
        let der = der.map_err(|error| format!("it is not PEM: {error}"))?;
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|error| format!("it is not a certificate: {error}"))?;
        let validity = parsed.validity();
        Ok(Self {
            from: time(validity.not_before),
            until: time(validity.not_after),
            is_authority: parsed.is_ca(),
            names: names(&parsed),
            public_key: parsed.public_key().raw.to_vec(),
            id: Id(der.to_vec()),
        })
    }
}

fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    // One that has the extension twice has no names here, and is taken by nobody.
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.into_iter().flat_map(|it| &it.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_string()),
        _ => None,
    });
    names.collect()
}

/// A time with which can be reckoned: the end of the year 9999, which stands for no end at all, is
/// beyond what can be added to.
fn time(time: ASN1Time) -> Timestamp {
    const SOME_YEAR: i64 = 250_000_000_000;
    let seconds = time.timestamp().clamp(0, SOME_YEAR);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The certificates of a text, each as a text; what is none is left out.
pub(super) fn split(text: &str) -> Vec<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let parts = text.split_inclusive(END);
    let parts = parts.map(|part| format!("{}\n", part.trim()));
    parts
        .filter(|part| Certificate::parse(part).is_ok())
        .collect()
}

/// Which certificates a text holds.
pub(super) fn ids(text: &str) -> impl Iterator<Item = Id> + use<> {
    let parsed = split(text);
    parsed
        .into_iter()
        .filter_map(|one| Some(Certificate::parse(&one).ok()?.id))
}
