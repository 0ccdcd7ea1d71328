//! By which authorities a CA's own HTTPS is believed.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::failure::{Failure, FailureKind};

/// The certificates in `pem`, or those of the machine.
///
/// # Errors
/// [`FailureKind::Configuration`] when there is none.
pub(super) fn roots(pem: Option<&str>) -> Result<RootCertStore, Failure> {
    match pem {
        Some(pem) => given(pem),
        None => machine(),
    }
}

fn given(pem: &str) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    let wrong = |error: &dyn std::fmt::Display| {
        let detail = format!("--acme-ca-file holds no certificates in PEM: {error}");
        Failure::new(FailureKind::Configuration, detail)
    };
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        store.add(certificate).map_err(|error| wrong(&error))?;
    }
    match store.is_empty() {
        true => Err(wrong(&"there is none in it")),
        false => Ok(store),
    }
}

fn machine() -> Result<RootCertStore, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // A machine may have certificates that nothing reads; the others are good all the same.
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let detail = format!(
            "this machine has no certificates to believe a CA by (install ca-certificates, or set \
             --acme-ca-file): {}",
            errors.join(", ")
        );
        return Err(Failure::new(FailureKind::Configuration, detail));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_read_or_refused_by_its_flag() {
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        let pem = made.cert.pem();
        assert_eq!(roots(Some(&(pem.clone() + &pem))).unwrap().len(), 2);
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for wrong in ["", "hello", broken] {
            let failure = roots(Some(wrong)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Configuration);
            assert!(failure.detail.contains("--acme-ca-file"), "{failure}");
        }
    }
}
