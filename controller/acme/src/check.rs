//! Whether what a CA sent is what was ordered, before anybody is served with it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portreeve_table::Secret;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::failure::{Failure, FailureKind};
use crate::held::Held;
use crate::want::Name;

/// How far the CA's clock and ours may be apart.
const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// Reads `chain` (PEM, leaf first) and makes sure that it can be served: it holds every one of
/// `names`, its leaf is for `key`, each certificate is signed by the next, and it is valid `now`.
///
/// A certificate that begins within 24 hours is taken: clocks differ. Who signed the last one is
/// not asked, because that is up to clients.
///
/// # Errors
/// [`FailureKind::BadCertificate`], which says which of these does not hold.
pub fn check(
    chain: &str,
    key: &Secret<String>,
    names: &[Name],
    now: Timestamp,
) -> Result<Held, Failure> {
    let held = Held::read(chain).map_err(|error| bad(error.to_string()))?;
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates = certificates.map_err(|error| bad(format!("it cannot be read: {error}")))?;
    let missing = names.iter().find(|name| !held.names.contains(name));
    if let Some(name) = missing {
        return Err(bad(format!("it is not for {name}")));
    }
    if held.not_after <= now {
        return Err(bad(format!("it expired on {}", held.not_after)));
    }
    if held.not_before > now.saturating_add(SKEW).unwrap_or(now) {
        return Err(bad(format!("it is not valid before {}", held.not_before)));
    }
    fits(&certificates, key)?;
    signed(&certificates, names, &held)?;
    Ok(held)
}

/// As [`check`], for what a CA has just issued: it holds no name besides `names` either.
///
/// One with more would be taken for the certificate of other names the next time that it is looked
/// at, and be ordered again as often as the bounds allow.
///
/// # Errors
/// As for [`check`], or the first name that was not ordered.
pub(crate) fn check_issued(
    chain: &str,
    key: &Secret<String>,
    names: &[Name],
    now: Timestamp,
) -> Result<(), Failure> {
    let held = check(chain, key, names, now)?;
    match held.names.iter().find(|name| !names.contains(name)) {
        Some(name) => Err(bad(format!("it is also for {name}, which was not ordered"))),
        None => Ok(()),
    }
}

fn bad(why: impl std::fmt::Display) -> Failure {
    let detail = format!("the certificate that the CA issued cannot be used: {why}");
    Failure::new(FailureKind::BadCertificate, detail)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The leaf must be for our key.
fn fits(chain: &[CertificateDer<'static>], key: &Secret<String>) -> Result<(), Failure> {
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|error| {
        let detail = format!("the kept private key cannot be read: {error}");
        Failure::new(FailureKind::Store, detail)
    })?;
    match CertifiedKey::from_der(chain.to_vec(), key, &provider()) {
        Ok(_) => Ok(()),
        Err(Error::InconsistentKeys(_)) => Err(bad("it is for another key than ours")),
        Err(error) => Err(bad(error)),
    }
}

/// Each certificate must be signed by the next. The last one is believed, and a leaf that came
/// alone has none: then it is the root of a CA of somebody's own that signs, or clients know it.
fn signed(chain: &[CertificateDer<'_>], names: &[Name], held: &Held) -> Result<(), Failure> {
    let Some(((leaf, rest), name)) = chain.split_first().zip(names.first()) else {
        return Err(bad("it holds nothing"));
    };
    let Some((last, between)) = rest.split_last() else {
        return Ok(());
    };
    let mut roots = RootCertStore::empty();
    roots.add(last.clone().into_owned()).map_err(bad)?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.build().map_err(bad)?;
    let server = match name {
        Name::Dns(name) => ServerName::try_from(&**name).map_err(bad)?,
        Name::Ip(address) => ServerName::IpAddress((*address).into()),
    };
    // Our own dates were looked at, with what clocks may differ: this is about the chain alone.
    let begins = u64::try_from(held.not_before.as_second()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(begins));
    match verifier.verify_server_cert(leaf, between, &server, &[], at) {
        Ok(_) => Ok(()),
        Err(Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => Err(bad(
            "its chain is broken: not every certificate is signed by the next",
        )),
        Err(error) => Err(bad(error)),
    }
}

#[cfg(test)]
mod tests;
