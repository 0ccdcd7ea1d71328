//! Who is no proxy, at the port that proxies are told their configuration on.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use portreeve_identity::{CA_FILE, CHAIN_FILE, KEY_FILE, Role};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::http::samples;
use crate::site::Site;
use crate::wait::{PATIENCE, until};

const REFUSED: &str = "portreeve_sessions_refused_total";
/// The beginning of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn strangers_are_refused_and_counted() {
    let site = Site::start("strangers", 8, 1).await;
    let load = site.load();
    let (pki, at) = (site.place.folder.join("pki"), site.controllers[0].config);
    let admin = site.controllers[0].admin;
    let ca = pki.join("proxy").join(CA_FILE);
    let mut refused = count(admin).await;
    for (who, own) in [
        ("no certificate", None),
        ("of another authority", Some(foreign())),
        ("no proxy", Some(read(&pki.join(Role::Controller.word())))),
    ] {
        let heard = knock(at, &ca, own).await;
        assert_eq!(heard, None, "{who}");
        refused += 1.0;
        until(who, async || count(admin).await == refused).await;
    }
    // Whoever does not even speak TLS.
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until("no TLS", async || count(admin).await == refused + 1.0).await;
    // The way in is open to whoever is what it says.
    let heard = knock(at, &ca, Some(read(&pki.join(Role::Proxy.word())))).await;
    assert!(heard.is_some(), "a proxy");
    assert_eq!(count(admin).await, refused + 1.0);
    let requests = load.none_failed().await;
    println!("{requests} requests, {} strangers refused", refused + 1.0);
}

async fn count(admin: SocketAddr) -> f64 {
    let counts = samples(admin, REFUSED).await.unwrap();
    counts["reason=\"certificate\""]
}

/// Begins HTTP/2 over TLS, and returns what comes back first; `None` when that is the end.
async fn knock(address: SocketAddr, ca: &Path, own: Option<Own>) -> Option<u8> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = Role::Controller.server_name();
    let talk = async {
        let mut stream = connector.connect(name, stream).await.ok()?;
        stream.write_all(PREFACE).await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(PATIENCE, talk).await.expect("an answer or an end")
}

fn read(folder: &Path) -> Own {
    let chain = CertificateDer::pem_file_iter(folder.join(CHAIN_FILE)).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY_FILE)).unwrap();
    (chain.map(Result::unwrap).collect(), key)
}

/// All that a proxy's certificate is, but by an authority of our own.
fn foreign() -> Own {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::new(params, KeyPair::generate().unwrap());
    let names = vec![Role::Proxy.dns_name().to_string()];
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (vec![certificate.der().clone()], key)
}
