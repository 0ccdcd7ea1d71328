//! A certificate's key, and the request for it (RFC 8555, section 7.4).
//!
//! The key is made here and not by the CA's client, so that it can be kept before the CA is asked.

use portreeve_table::Secret;
use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_RSA_SHA256, RsaKeySize,
};

use crate::failure::{Failure, FailureKind};
use crate::want::{KeyType, Name};

/// A fresh private key as PKCS#8 in PEM. An RSA key takes up to seconds of CPU.
///
/// # Errors
/// [`FailureKind::Configuration`] when the cryptography library makes no such key.
pub fn generate(key_type: KeyType) -> Result<Secret<String>, Failure> {
    let made = match key_type {
        KeyType::EcdsaP256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        KeyType::EcdsaP384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
        KeyType::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        KeyType::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
    };
    let key = made.map_err(|error| {
        let detail = format!("a private key cannot be made: {error}");
        Failure::new(FailureKind::Configuration, detail)
    })?;
    Ok(Secret::new(key.serialize_pem()))
}

/// A request (PKCS#10, DER) for a certificate for `names`, signed with `key`.
///
/// The names stand in `subjectAltName` alone: a common name could hold only one, and no more than 64
/// characters of it.
///
/// # Errors
/// [`FailureKind::Store`] when `key` is no private key, which it was when it was kept.
pub fn csr(names: &[Name], key: &Secret<String>) -> Result<Vec<u8>, Failure> {
    let key = KeyPair::from_pem(key.expose()).map_err(|error| {
        let detail = format!("the kept private key cannot be read: {error}");
        Failure::new(FailureKind::Store, detail)
    })?;
    let names: Vec<_> = names.iter().map(Name::to_string).collect();
    let request = CertificateParams::new(names).and_then(|mut params| {
        params.distinguished_name = DistinguishedName::new();
        params.serialize_request(&key)
    });
    match request {
        Ok(request) => Ok(request.der().to_vec()),
        Err(error) => {
            let detail = format!("a certificate cannot be requested: {error}");
            Err(Failure::new(FailureKind::Configuration, detail))
        }
    }
}

#[cfg(test)]
mod tests;
