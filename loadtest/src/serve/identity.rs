//! The certificate of a backend that speaks TLS: given, or made at start for this run only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why a backend has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A PEM file does not hold what it should.
    #[error("cannot read {0} as PEM: {1}")]
    Pem(PathBuf, rustls_pki_types::pem::Error),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// The TLS configuration with the chain and key of two PEM files.
pub(super) fn from_files(cert: &Path, key: &Path) -> Result<ServerConfig, IdentityError> {
    let bad_cert = |error| IdentityError::Pem(cert.into(), error);
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(bad_cert)?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| IdentityError::Pem(key.into(), error))?;
    config(chain, key)
}

/// The TLS configuration with a fresh certificate for `name` and the loopback addresses.
pub(super) fn self_signed(name: &str) -> Result<ServerConfig, IdentityError> {
    let names = [name, "localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    config(vec![made.cert.into()], key)
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, IdentityError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
