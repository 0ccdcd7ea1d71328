//! Mutual TLS 1.3: no session is resumed, so that each connection shows who it is.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::Role;

const HTTP2: &[u8] = b"h2";

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

pub(crate) fn server(
    authorities: &Arc<RootCertStore>,
    own: &Arc<CertifiedKey>,
    peer: Role,
) -> Result<Arc<ServerConfig>, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(RoleVerifier::new(authorities, peer)?))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(own))));
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A resumed session would not show its certificate again, and one that was issued while the
    // old authority was believed would outlive it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

pub(crate) fn client(
    authorities: &Arc<RootCertStore>,
    own: &Arc<CertifiedKey>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(Arc::clone(authorities))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(own))));
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Whether a peer would take the certificates for those of a `role`, at a time when they are
/// valid. Whether that is now does not matter here.
pub(crate) fn verify_as_peer(
    role: Role,
    authorities: &Arc<RootCertStore>,
    chain: &[CertificateDer<'_>],
) -> Result<(), Error> {
    let verified = verify_at(role, authorities, chain, UnixTime::now());
    match verified {
        // The time is looked at first, and hides whatever else is wrong.
        Err(Error::InvalidCertificate(error)) if let Some(time) = valid_time(&error) => {
            verify_at(role, authorities, chain, time)
        }
        verified => verified,
    }
}

fn verify_at(
    role: Role,
    authorities: &Arc<RootCertStore>,
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), Error> {
    let Some((leaf, between)) = chain.split_first() else {
        return Err(Error::NoCertificatesPresented);
    };
    if role.is_server() {
        WebPkiServerVerifier::builder_with_provider(Arc::clone(authorities), provider())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(leaf, between, &role.server_name(), &[], now)
            .map(|_| ())
    } else {
        RoleVerifier::new(authorities, role)?
            .verify_client_cert(leaf, between, now)
            .map(|_| ())
    }
}

/// When a certificate is valid that is not valid now.
fn valid_time(error: &CertificateError) -> Option<UnixTime> {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => Some(*not_after),
        CertificateError::NotValidYetContext { not_before, .. } => Some(*not_before),
        _ => None,
    }
}

/// Takes clients that have a certificate of an authority that is believed, and with it the name
/// of one role: every role is certified by the same authority.
#[derive(Debug)]
struct RoleVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    role: Role,
}

impl RoleVerifier {
    fn new(authorities: &Arc<RootCertStore>, role: Role) -> Result<Self, Error> {
        let inner =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(authorities), provider())
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
        Ok(Self { inner, role })
    }
}

impl ClientCertVerifier for RoleVerifier {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(end_entity, intermediates, now)?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&parsed, &self.role.server_name())?;
        Ok(verified)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
