//! Who is no proxy, at the port that proxies are told their configuration on.

use std::net::SocketAddr;
use std::path::Path;

use portreeve_identity::{CA_FILE, Role};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::guest::{Own, connector, read};
use crate::http::{metric, samples};
use crate::site::Site;
use crate::wait::{PATIENCE, until};

const REFUSED: &str = "portreeve_sessions_refused_total";
/// The beginning of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn strangers_are_refused_and_counted() {
    let site = Site::start("strangers", 8, 1).await;
    let load = site.load();
    let (pki, at) = (site.place.folder.join("pki"), site.controllers[0].config);
    let admin = site.controllers[0].admin;
    let ca = pki.join("proxy").join(CA_FILE);
    for (who, own, reason) in [
        ("no certificate", None, "no_certificate"),
        ("of another authority", Some(foreign()), "authority"),
        (
            "a controller",
            Some(read(&pki.join(Role::Controller.word()))),
            "identity",
        ),
        (
            "the admission webhook",
            Some(read(&pki.join(Role::Admission.word()))),
            "identity",
        ),
    ] {
        let before = count(admin, reason).await;
        let heard = knock(at, &ca, own).await;
        assert_eq!(heard, None, "{who}");
        until(who, async || count(admin, reason).await == before + 1.0).await;
    }
    // Whoever does not even speak TLS.
    let before = count(admin, "handshake").await;
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until("no TLS", async || {
        count(admin, "handshake").await == before + 1.0
    })
    .await;
    // The way in is open to whoever is what it says.
    let before = metric(admin, REFUSED).await.unwrap();
    let heard = knock(at, &ca, Some(read(&pki.join(Role::Proxy.word())))).await;
    assert!(heard.is_some(), "a proxy");
    let refused = metric(admin, REFUSED).await.unwrap();
    assert_eq!(refused, before);
    let requests = load.none_failed().await;
    println!("{requests} requests, {refused} strangers refused");
}

async fn count(admin: SocketAddr, reason: &str) -> f64 {
    let counts = samples(admin, REFUSED).await.unwrap();
    counts[&format!("reason=\"{reason}\"")]
}

/// Begins HTTP/2 over TLS, and returns what comes back first; `None` when that is the end.
async fn knock(address: SocketAddr, ca: &Path, own: Option<Own>) -> Option<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let connector = connector(ca, own);
    let name = Role::Controller.server_name();
    let talk = async {
        let mut stream = connector.connect(name, stream).await.ok()?;
        stream.write_all(PREFACE).await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(PATIENCE, talk).await.expect("an answer or an end")
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
