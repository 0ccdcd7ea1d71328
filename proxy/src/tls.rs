//! TLS on both sides: which certificate a client gets, and how endpoints are spoken to.
//!
//! One server configuration lives as long as the process; what changes with the table is only
//! where its resolver looks. Private keys are exposed here once, to be parsed.

pub(crate) mod alpn;

use std::collections::BTreeMap;
use std::sync::Arc;

use portreeve_table::{Cert, CertKey, Hosts, Shared};
use rustc_hash::FxHashMap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::state::Current;

/// The name on the certificate that clients get when no other fits theirs.
const DEFAULT_NAME: &str = "default.portreeve.invalid";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What clients are served with: certificates from the running configuration, else a generated one.
///
/// # Errors
/// When the default certificate cannot be made.
pub(crate) fn server(current: Arc<Current>) -> Result<Arc<ServerConfig>, TlsError> {
    let resolver = Resolver {
        current,
        fallback: generated()?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    // The first of ours that a client offers is agreed on, so that who offers more than a challenge
    // gets what was meant by the rest.
    let protocols = [b"h2", &b"http/1.1"[..], alpn::PROTOCOL];
    config.alpn_protocols = protocols.map(<[u8]>::to_vec).into();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// From the TLS library.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// From making the default certificate.
    #[error("the default certificate cannot be made: {0}")]
    Generate(#[from] rcgen::Error),
}

/// Finds a client's certificate by the name that it asks for.
#[derive(Debug)]
struct Resolver {
    current: Arc<Current>,
    fallback: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let generation = self.current.load();
        let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
        let name = name.strip_suffix('.').unwrap_or(&name);
        if alpn::asks(&hello) {
            return generation.answers.find(name);
        }
        let found = generation.certs.find(name).cloned();
        Some(found.unwrap_or_else(|| Arc::clone(&self.fallback)))
    }
}

/// A certificate of our own, for names that nobody brought one for.
fn generated() -> Result<Arc<CertifiedKey>, TlsError> {
    let made = rcgen::generate_simple_self_signed([DEFAULT_NAME.to_string()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|_| rustls::Error::General("the generated key is not one".into()))?;
    let chain = vec![made.cert.der().clone()];
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider())?))
}

/// A certificate, parsed, with the hash of what it was parsed from.
pub(crate) type Parsed = FxHashMap<CertKey, (u128, Arc<CertifiedKey>)>;

/// Parses the certificates that `before` does not hold already.
///
/// What cannot be parsed is named with the reason, and keeps the value it had before.
pub(crate) fn parse(
    certs: &BTreeMap<CertKey, Shared<Cert>>,
    before: &Parsed,
) -> (Parsed, Vec<(CertKey, String)>) {
    let mut parsed = Parsed::default();
    let mut rejected = Vec::new();
    for (key, cert) in certs {
        let old = before.get(key);
        let same = old.filter(|(hash, _)| *hash == cert.hash());
        let new = match same {
            Some(same) => Some(same.clone()),
            None => match certified(cert) {
                Ok(certified) => Some((cert.hash(), certified)),
                Err(error) => {
                    rejected.push((key.clone(), error));
                    old.cloned()
                }
            },
        };
        parsed.extend(new.map(|new| (key.clone(), new)));
    }
    (parsed, rejected)
}

/// Which certificate answers for which name.
pub(crate) fn by_name(
    certs: &BTreeMap<CertKey, Shared<Cert>>,
    parsed: &Parsed,
) -> Hosts<Arc<CertifiedKey>> {
    let named = certs.iter().filter_map(|(key, cert)| {
        let (_, certified) = parsed.get(key)?;
        Some(
            cert.names
                .iter()
                .map(|name| (name.clone(), Arc::clone(certified))),
        )
    });
    named.flatten().collect()
}

fn certified(cert: &Cert) -> Result<Arc<CertifiedKey>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert.chain.as_bytes()).collect();
    let chain = chain.map_err(|error| format!("the certificate is not PEM: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(cert.key.expose().as_bytes())
        .map_err(|error| format!("the key is not PEM: {error}"))?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    certified.map(Arc::new).map_err(|error| error.to_string())
}

/// How endpoints are spoken to over TLS: as ingress-nginx does by default, without asking who they
/// are. Verification comes with `proxy-ssl-verify`.
///
/// # Errors
/// When the TLS library cannot be set up.
pub(crate) fn client(alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let verifier = Arc::new(AnyServer(provider()));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Takes any certificate, but still checks that the endpoint holds its key.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
