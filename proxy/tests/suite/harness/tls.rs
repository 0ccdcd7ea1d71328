//! Certificates for tests, and a client that takes any and says which it was shown.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

use super::client::Reply;
use super::proxy::SOON;

/// A self-signed certificate with its key.
pub struct Certificate(rcgen::CertifiedKey<rcgen::KeyPair>);

impl Certificate {
    pub fn new(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_string()).collect();
        Self(rcgen::generate_simple_self_signed(names).unwrap())
    }

    pub fn der(&self) -> Vec<u8> {
        self.0.cert.der().to_vec()
    }

    /// The TLS Secret of this name, in namespace `t`.
    pub fn secret(&self, name: &str) -> String {
        format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: t}}\n\
             type: kubernetes.io/tls\ndata: {{tls.crt: {}, tls.key: {}}}\n",
            base64(self.0.cert.pem().as_bytes()),
            self.key_base64()
        )
    }

    pub fn key_base64(&self) -> String {
        base64(self.key_pem().as_bytes())
    }

    pub fn pem(&self) -> String {
        self.0.cert.pem()
    }

    pub fn key_pem(&self) -> String {
        self.0.signing_key.serialize_pem()
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk
            .iter()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        (0..4).map(move |i| {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            if i <= chunk.len() {
                char::from(letter)
            } else {
                '='
            }
        })
    });
    letters.collect()
}

/// A TLS connection to the proxy.
pub struct TlsClient(StreamOwned<ClientConnection, TcpStream>);

impl TlsClient {
    pub fn connect(to: SocketAddr, name: Option<&str>, alpn: &[&[u8]]) -> Self {
        Self::with(to, name, alpn, rustls::ALL_VERSIONS)
    }

    pub fn with(
        to: SocketAddr,
        name: Option<&str>,
        alpn: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        Self::attempt(to, name, alpn, versions).unwrap()
    }

    /// The same where the handshake may fail.
    pub fn attempt(
        to: SocketAddr,
        name: Option<&str>,
        alpn: &[&[u8]],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Self> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let name = match name {
            Some(name) => ServerName::try_from(name.to_string()).unwrap(),
            None => ServerName::IpAddress(to.ip().into()), // an address is not sent as a name
        };
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let tcp = TcpStream::connect(to).unwrap();
        tcp.set_read_timeout(Some(SOON)).unwrap();
        let mut stream = StreamOwned::new(connection, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self(stream))
    }

    /// Everything until the other side says that it is done.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        self.0.read_to_end(&mut read)?;
        Ok(read)
    }

    /// The certificate that was shown.
    pub fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }

    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.0.conn.alpn_protocol().map(<[u8]>::to_vec)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).unwrap();
    }

    /// One GET with a response that has a Content-Length.
    pub fn get(&mut self, host: &str, path: &str) -> Reply {
        write!(self.0, "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
        let head = String::from_utf8_lossy(&read).trim_end().to_string();
        let mut reply = Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        };
        let length = reply.header("content-length").unwrap().parse().unwrap();
        reply.body = vec![0; length];
        self.0.read_exact(&mut reply.body).unwrap();
        reply
    }
}

#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
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
        default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
