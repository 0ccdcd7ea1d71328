//! An authority: who signs.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portreeve_identity::Role;
use portreeve_table::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::{Certificate, split};
use super::plan::{AUTHORITY_LIFETIME, BACKDATE, LEAF_LIFETIME};

/// A certificate that signs, with its key.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    pub(super) chain: String,
    pub(super) key: Secret<String>,
}

impl Authority {
    /// Makes one. Its name tells people which it is; nothing else depends on it.
    pub(super) fn make(now: Timestamp) -> Result<Self, Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        let name = format!("Portreeve internal authority of {}", now.strftime("%F"));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, now, AUTHORITY_LIFETIME);
        Ok(Self {
            chain: params.self_signed(&key)?.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    }

    /// Signs a new certificate for a role, with these names and a new key.
    pub(super) fn issue(
        &self,
        role: Role,
        names: BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let signer = CertificateDer::from_pem_slice(self.chain.as_bytes())
            .map_err(|_| Error::CouldNotParseCertificate)?;
        let signer = Issuer::from_ca_cert_der(&signer, self.key_pair()?)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
        // Other names may be too long for this one.
        params
            .distinguished_name
            .push(DnType::CommonName, role.dns_name());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![if role.is_server() {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        }];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, LEAF_LIFETIME);
        Ok(Self {
            chain: params.signed_by(&key, &signer)?.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    }

    /// Looks whether it is an authority, and all of it is there.
    ///
    /// # Errors
    /// In words, when it is not.
    pub(super) fn inspect(&self) -> Result<Certificate, String> {
        let certificate = Certificate::parse(&self.chain)?;
        if !certificate.is_authority {
            return Err("it is not an authority's".into());
        }
        let key = self
            .key_pair()
            .map_err(|error| format!("its key cannot be read: {error}"))?;
        if key.subject_public_key_info() != certificate.public_key {
            return Err("its key belongs to another".into());
        }
        Ok(certificate)
    }

    /// Its own certificate, without those of who may have certified it; empty if there is none.
    pub(super) fn certificate(&self) -> String {
        split(&self.chain).into_iter().next().unwrap_or_default()
    }

    fn key_pair(&self) -> Result<KeyPair, Error> {
        KeyPair::from_pem(self.key.expose())
    }
}

/// Valid for a `lifetime` from now, and from somewhat earlier for whose clock is late.
fn set_validity(params: &mut CertificateParams, now: Timestamp, lifetime: SignedDuration) {
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = at(now - BACKDATE);
    params.not_after = at(now + lifetime);
}
