//! A webhook that lets everything in, with whatever certificate there is at the moment.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portreeve_identity::{CHAIN_FILE, KEY_FILE};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How many reviews were made with each certificate.
type Reviews = Arc<Mutex<BTreeMap<Vec<u8>, usize>>>;

pub(crate) struct Responder {
    reviews: Reviews,
    _serving: JoinSet<()>,
}

impl Responder {
    /// Answers at an address with the certificate that is in the folder when somebody connects.
    pub(crate) async fn start(address: SocketAddr, folder: &Path) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let reviews = Reviews::default();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, folder.to_path_buf(), Arc::clone(&reviews)));
        Self {
            reviews,
            _serving: serving,
        }
    }

    /// How many reviews were made with each certificate, in no order.
    pub(crate) fn reviews(&self) -> Vec<usize> {
        self.reviews.lock().unwrap().values().copied().collect()
    }
}

async fn accept(listener: TcpListener, folder: PathBuf, reviews: Reviews) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // Half of it may have been replaced already.
        let Some((acceptor, certificate)) = acceptor(&folder) else {
            continue;
        };
        connections.spawn(answer(stream, acceptor, certificate, Arc::clone(&reviews)));
        while connections.try_join_next().is_some() {}
    }
}

fn acceptor(folder: &Path) -> Option<(TlsAcceptor, Vec<u8>)> {
    let certificate = CertificateDer::from_pem_file(folder.join(CHAIN_FILE)).ok()?;
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY_FILE)).ok()?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.with_no_client_auth();
    let config = builder.with_single_cert(vec![certificate.clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.ok()?));
    Some((acceptor, certificate.to_vec()))
}

/// One review: the next is made with a certificate of its own.
async fn answer(stream: TcpStream, acceptor: TlsAcceptor, certificate: Vec<u8>, reviews: Reviews) {
    // Whoever does not believe us says so to who asked it.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let review = service_fn(|request: Request<Incoming>| async {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let answer = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": asked["request"]["uid"], "allowed": true},
        });
        let mut reviews = reviews.lock().unwrap();
        *reviews.entry(certificate.clone()).or_default() += 1;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer.to_string()))))
    });
    let mut connection = http1::Builder::new();
    let connection = connection.keep_alive(false);
    // That it broke off is seen at the other end, too.
    let _ = connection
        .serve_connection(TokioIo::new(stream), review)
        .await;
}
