//! Which of a certificate's chains is taken, where a CA offers several (RFC 8555, section 7.4.2).

use bytes::Bytes;
use instant_acme::{Account, Error};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::parse_x509_certificate;

use super::call::Rounds;
use super::note::{Notes, noting};
use super::problem::{About, failure};
use crate::failure::{Failure, FailureKind};

/// How many alternate chains are looked at.
const MOST: usize = 8;

/// The first of `chain` and its alternates that `issuer` signed a certificate of, by common name;
/// `chain` itself when there is none.
pub(super) async fn choose(
    account: &Account,
    chain: String,
    alternates: &[String],
    issuer: &str,
) -> Result<String, Failure> {
    if leads_to(&chain, issuer) {
        return Ok(chain);
    }
    for url in alternates.iter().take(MOST) {
        let body = post_as_get(account, url, About::Order).await?;
        let other = String::from_utf8_lossy(&body);
        if leads_to(&other, issuer) {
            return Ok(other.into_owned());
        }
    }
    Ok(chain)
}

/// Whether a certificate of `chain` (PEM) is signed by an authority with the common name `issuer`.
pub(super) fn leads_to(chain: &str, issuer: &str) -> bool {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes());
    certificates.filter_map(Result::ok).any(|der| {
        parse_x509_certificate(&der).is_ok_and(|(_, certificate)| {
            let mut names = certificate.issuer().iter_common_name();
            names.any(|name| name.as_str() == Ok(issuer))
        })
    })
}

/// What stands at any URL, read as the account (section 6.3).
///
/// The CA's client reads only orders so; what it takes for one that cannot be read is taken from
/// the notes.
pub(super) async fn post_as_get(
    account: &Account,
    url: &str,
    about: About,
) -> Result<Bytes, Failure> {
    let mut rounds = Rounds::default();
    loop {
        let (read, notes) = noting(account.order(url.to_owned())).await;
        match read {
            Ok(_) | Err(Error::Json(_)) => return body(notes),
            Err(error) if rounds.again(&error).await => {}
            Err(error) => return Err(failure(error, &notes, about)),
        }
    }
}

fn body(notes: Notes) -> Result<Bytes, Failure> {
    if notes.body.is_empty() {
        let detail = format!("{}: the answer is empty", notes.asked);
        return Err(Failure::new(FailureKind::Malformed, detail));
    }
    Ok(notes.body)
}
