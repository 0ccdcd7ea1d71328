//! A chain of certificates: as a Secret has it, and as a proxy shows it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::parse_x509_certificate;

/// The certificates, the one for the host first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain(Vec<Vec<u8>>);

impl Chain {
    /// What a TLS Secret has, unless it has none yet.
    pub(crate) fn of(secret: &Secret) -> Option<Self> {
        let pem = secret.data.as_ref()?.get("tls.crt")?;
        let read = CertificateDer::pem_slice_iter(&pem.0);
        let read: Vec<_> = read.map(|it| it.unwrap().to_vec()).collect();
        (!read.is_empty()).then_some(Self(read))
    }

    /// What a proxy shows who asks for a host.
    pub(crate) async fn shown(https: SocketAddr, host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(https).await?;
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let stream = anybody().connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        Ok(Self(shown.iter().map(|it| it.to_vec()).collect()))
    }

    /// The first as PEM.
    pub(crate) fn leaf_pem(&self) -> String {
        let base64 = STANDARD.encode(&self.0[0]);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    /// Who has signed the first.
    pub(crate) fn issuer(&self) -> String {
        let (_, leaf) = parse_x509_certificate(&self.0[0]).unwrap();
        leaf.issuer().to_string()
    }

    /// Whether the first is for a host, as far as its names say.
    pub(crate) fn names(&self, host: &str) -> bool {
        let (_, leaf) = parse_x509_certificate(&self.0[0]).unwrap();
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        let text = format!("{:?}", names.value.general_names);
        text.contains(&format!("\"{host}\""))
    }
}

/// Takes whatever is shown.
pub(crate) fn anybody() -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous();
    let config = builder.with_custom_certificate_verifier(Arc::new(Anybody));
    TlsConnector::from(Arc::new(config.with_no_client_auth()))
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = default_provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
