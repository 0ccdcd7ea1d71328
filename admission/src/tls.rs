//! The certificate that the API server is shown, read anew when its files change, and whose it must
//! show itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// HTTP/1.1 alone: each review has a connection of its own then, and what is not read yet waits in
/// the kernel and not here.
const HTTP1: &[u8] = b"http/1.1";

/// The files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_ca: Option<PathBuf>,
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{flag} {file}: {error}", file = file.display())]
    Read {
        flag: &'static str,
        file: PathBuf,
        error: io::Error,
    },
    #[error("{flag} {file} holds nothing that can be used: {error}", file = file.display())]
    Pem {
        flag: &'static str,
        file: PathBuf,
        error: rustls_pki_types::pem::Error,
    },
    #[error("the certificate and its key cannot be served: {0}")]
    Refused(#[from] rustls::Error),
    #[error("--client-ca: {0}")]
    ClientCa(#[from] rustls::server::VerifierBuilderError),
}

/// A TLS configuration that follows its files. What is wrong with them leaves the last that was good.
#[derive(Debug)]
pub(crate) struct Reload {
    files: Files,
    seen: Option<Texts>,
    config: Option<Arc<ServerConfig>>,
}

/// What the files say; they are small.
#[derive(PartialEq)]
struct Texts {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Reload {
    pub(crate) fn new(files: Files) -> Self {
        Self {
            files,
            seen: None,
            config: None,
        }
    }

    /// The last that was good.
    pub(crate) fn config(&self) -> Option<Arc<ServerConfig>> {
        self.config.clone()
    }

    /// Looks whether the files say something else, and says whether they do.
    ///
    /// # Errors
    /// When they changed to something that cannot be used, or cannot be read.
    pub(crate) fn refresh(&mut self) -> Result<bool, TlsError> {
        let texts = self.files.read()?;
        if self.seen.as_ref() == Some(&texts) {
            return Ok(false);
        }
        let made = self.files.config(&texts);
        self.seen = Some(texts);
        self.config = Some(made?);
        Ok(true)
    }
}

impl Files {
    fn read(&self) -> Result<Texts, TlsError> {
        Ok(Texts {
            cert: read("--tls-cert", &self.cert)?,
            key: read("--tls-key", &self.key)?,
            client_ca: match &self.client_ca {
                Some(file) => Some(read("--client-ca", file)?),
                None => None,
            },
        })
    }

    fn config(&self, texts: &Texts) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates("--tls-cert", &self.cert, &texts.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&texts.key)
            .map_err(|error| pem("--tls-key", &self.key, error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?;
        let builder = match (&self.client_ca, &texts.client_ca) {
            (Some(file), Some(text)) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("--client-ca", file, text)? {
                    roots.add(authority)?;
                }
                // Who shows none is told so by an answer.
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .allow_unauthenticated()
                        .build()?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![HTTP1.to_vec()];
        // The API server resumes no session, and what is kept for that would be kept for nobody.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

fn read(flag: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| TlsError::Read {
        flag,
        file: file.into(),
        error,
    })
}

fn pem(flag: &'static str, file: &Path, error: rustls_pki_types::pem::Error) -> TlsError {
    TlsError::Pem {
        flag,
        file: file.into(),
        error,
    }
}

/// The certificates of a file, of which there must be one at least.
fn certificates(
    flag: &'static str,
    file: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| pem(flag, file, error))?;
    match found.is_empty() {
        true => Err(pem(flag, file, rustls_pki_types::pem::Error::NoItemsFound)),
        false => Ok(found),
    }
}
