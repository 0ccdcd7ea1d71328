//! What answers challenges in place of a proxy: HTTP-01 and TLS-ALPN-01 on ports of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use portreeve_acme::{ChallengeKind, Name, Staged};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What is answered.
#[derive(Debug, Default)]
struct Answers {
    /// By token.
    http: HashMap<String, String>,
    /// By name.
    tls: HashMap<String, Arc<CertifiedKey>>,
    /// The tokens and names that were asked for.
    asked: Vec<String>,
}

/// Answers challenges until it is dropped.
pub(crate) struct Responder {
    answers: Arc<Mutex<Answers>>,
    ports: [u16; 2],
    _tasks: JoinSet<()>,
}

impl Responder {
    /// One that answers both kinds.
    pub(crate) async fn start() -> Self {
        let answers = Arc::new(Mutex::new(Answers::default()));
        let mut tasks = JoinSet::new();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ports = [&http, &tls].map(|listener| listener.local_addr().unwrap().port());
        tasks.spawn(serve_http(http, Arc::clone(&answers)));
        tasks.spawn(serve_tls(tls, Arc::clone(&answers)));
        Self {
            answers,
            ports,
            _tasks: tasks,
        }
    }

    /// Where it answers HTTP-01 and TLS-ALPN-01.
    pub(crate) fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// Answers `staged` from now on.
    pub(crate) fn answer(&self, staged: &[Staged]) {
        let mut answers = self.answers.lock().unwrap();
        for challenge in staged {
            let key = challenge.key_authorization.to_string();
            match challenge.kind {
                ChallengeKind::Http01 => {
                    answers.http.insert(challenge.token.to_string(), key);
                }
                ChallengeKind::TlsAlpn01 => {
                    let name = challenge.host.to_string();
                    answers.tls.insert(name, certificate(&challenge.host, &key));
                }
            }
        }
    }

    /// The tokens and names that were asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.answers.lock().unwrap().asked.clone()
    }
}

async fn serve_http(listener: TcpListener, answers: Arc<Mutex<Answers>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(answer_http(stream, Arc::clone(&answers)));
    }
}

async fn answer_http(mut stream: TcpStream, answers: Arc<Mutex<Answers>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let token = path
        .strip_prefix("/.well-known/acme-challenge/")
        .unwrap_or_default();
    let answer = {
        let mut answers = answers.lock().unwrap();
        answers.asked.push(token.to_owned());
        answers.http.get(token).cloned()
    };
    let (status, body) = match answer {
        Some(key) => ("200 OK", key),
        None => ("404 Not Found", "no such token".to_owned()),
    };
    let length = body.len();
    let response =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let _gone = stream.write_all(response.as_bytes()).await;
    let _gone = stream.shutdown().await;
}

#[derive(Debug)]
struct Resolver(Arc<Mutex<Answers>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_owned();
        let mut answers = self.0.lock().unwrap();
        answers.asked.push(name.clone());
        answers.tls.get(&name).cloned()
    }
}

async fn serve_tls(listener: TcpListener, answers: Arc<Mutex<Answers>>) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Resolver(answers)));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _gone = stream.shutdown().await;
            }
        });
    }
}

/// The certificate that proves `host` by a key authorization (RFC 8737, section 3).
fn certificate(host: &Name, key_authorization: &str) -> Arc<CertifiedKey> {
    let mut params = CertificateParams::new([host.to_string()]).unwrap();
    let digest = Sha256::digest(key_authorization.as_bytes());
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_slice())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    // `from_der` would refuse the extension, which is critical and unknown to it.
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key))
}
