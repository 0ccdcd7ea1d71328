//! The listener over real sockets: who is let in, what is answered, and what that may cost.

use std::path::PathBuf;

use portreeve_translate::{Options, Snapshot};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::missing::OnMissing;
use crate::places::CONNECTIONS;
use crate::tls::Files;
use crate::world::World;

type Client = TlsStream<TcpStream>;

/// An authority, and a webhook whose certificate it signed.
struct Site {
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    address: std::net::SocketAddr,
    handler: Arc<Handler>,
    tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    leave: (watch::Sender<bool>, Arc<Semaphore>),
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "test");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl Site {
    async fn start(name: &str, asks_certificate: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("portreeve-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let authority = authority();
        std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(World::new(Options::standalone(), OnMissing::Warn));
        world.learn(Snapshot::default());
        let handler = Arc::new(Handler::new(world));
        let (tell, tls) = watch::channel(None);
        let mut site = Self {
            authority,
            folder,
            address,
            handler: Arc::clone(&handler),
            tls: tls.clone(),
            leave: (watch::Sender::new(false), reviews()),
        };
        site.renew();
        let reload = Reload::new(Files {
            cert: site.folder.join("tls.crt"),
            key: site.folder.join("tls.key"),
            client_ca: asks_certificate.then(|| site.folder.join("ca.crt")),
        });
        tokio::spawn(follow(reload, tell));
        site.tls.clone().changed().await.unwrap();
        let (leave, leaving) = watch::channel(false);
        let reviews = reviews();
        site.leave = (leave, Arc::clone(&reviews));
        let server = Server {
            handler,
            tls,
            asks_certificate,
            leaving,
            reviews,
        };
        tokio::spawn(server.run(listener));
        site
    }

    /// Writes a new certificate, and says which.
    fn renew(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["webhook.example".into()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        // The key first: whoever looks between the two finds a pair that does not fit, and waits.
        std::fs::write(self.folder.join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(self.folder.join("tls.crt"), certificate.pem()).unwrap();
        certificate.der().clone()
    }

    async fn connect(&self, shows_certificate: bool) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
        let config = match shows_certificate {
            true => {
                let key = KeyPair::generate().unwrap();
                let params = CertificateParams::new(vec!["api-server".into()]).unwrap();
                let certificate = params.signed_by(&key, &self.authority).unwrap();
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                let chain = vec![certificate.der().clone()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            false => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("webhook.example").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.unwrap()
    }

    fn refused(&self, refusal: Refusal) -> u64 {
        self.handler.counts().refusals(refusal)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn review() -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "resource": {"group": "networking.k8s.io", "version": "v1", "resource": "ingresses"},
            "operation": "CREATE",
            "namespace": "shop",
            "name": "web",
            "object": {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "web"},
                "spec": {"rules": [{"host": "a b"}]},
            },
        },
    })
    .to_string()
}

fn post(path: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: webhook\r\ncontent-length: {length}\r\n{head}\r\n{body}")
}

const JSON: &str = "content-type: application/json\r\n";

/// The status and the body of the next answer.
async fn answer(client: &mut Client) -> (u16, String) {
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse::<usize>().unwrap() {
                let status = head.split(' ').nth(1).unwrap();
                return (status.parse().unwrap(), body.into());
            }
        }
        let mut buffer = [0; 4096];
        let read = client.read(&mut buffer).await.unwrap();
        assert!(read > 0, "closed after {text:?}");
        got.extend_from_slice(&buffer[..read]);
    }
}

async fn ask(client: &mut Client, request: &str) -> (u16, String) {
    client.write_all(request.as_bytes()).await.unwrap();
    answer(client).await
}

#[tokio::test]
async fn reviews_are_answered_on_both_paths_and_one_connection() {
    let site = Site::start("both", false).await;
    let mut client = site.connect(false).await;
    for path in ["/validate", "/networking/v1/ingresses?timeout=5s"] {
        let (status, body) = ask(&mut client, &post(path, JSON, &review())).await;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["response"]["uid"], "u-1");
        assert_eq!(answer["response"]["allowed"], false, "{answer}");
    }
}

#[tokio::test]
async fn each_wrong_request_has_its_status_and_is_counted() {
    let site = Site::start("wrong", false).await;
    let (json, body) = (JSON, review());
    let gzip = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    for (request, refusal) in [
        (post("/", json, &body), Refusal::Path),
        (post("/validate/x", json, &body), Refusal::Path),
        (
            "GET /validate HTTP/1.1\r\nhost: a\r\n\r\n".into(),
            Refusal::Method,
        ),
        (post("/validate", "", &body), Refusal::MediaType),
        (
            post("/validate", "content-type: text/json\r\n", &body),
            Refusal::MediaType,
        ),
        (post("/validate", gzip, &body), Refusal::MediaType),
        (post("/validate", json, "{"), Refusal::NotJson),
    ] {
        let before = site.refused(refusal);
        let (status, said) = ask(&mut site.connect(false).await, &request).await;
        assert_eq!(status, refusal.status().as_u16(), "{request:.200}: {said}");
        assert_eq!(said.trim(), refusal.help());
        assert_eq!(site.refused(refusal), before + 1, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let site = Site::start("large", false).await;
    for length in [9 << 20, 100 << 20, (3 << 20) + 1] {
        let mut client = site.connect(false).await;
        let head =
            format!("POST /validate HTTP/1.1\r\nhost: a\r\n{JSON}content-length: {length}\r\n\r\n");
        // Nothing of the body is sent.
        let (status, _) = ask(&mut client, &head).await;
        assert_eq!(status, 413);
    }
    let mut client = site.connect(false).await;
    let head =
        format!("POST /validate HTTP/1.1\r\nhost: a\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    for _ in 0..3 {
        client.write_all(chunk.as_bytes()).await.unwrap();
    }
    client.write_all(b"1\r\n \r\n").await.unwrap();
    assert_eq!(answer(&mut client).await.0, 413);
    assert_eq!(site.refused(Refusal::TooLarge), 4);
}

#[tokio::test]
async fn a_slow_body_holds_up_nobody_else_and_is_given_up() {
    let site = Site::start("slow", false).await;
    let mut slow = Vec::new();
    for length in [1 << 20, 1000] {
        let mut client = site.connect(false).await;
        let begin = " ".repeat((length - 1).min(100_000));
        let head = format!(
            "POST /validate HTTP/1.1\r\nhost: a\r\n{JSON}content-length: {length}\r\n\r\n{begin}"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        slow.push(client);
    }
    let (status, _) = ask(
        &mut site.connect(false).await,
        &post("/validate", JSON, &review()),
    )
    .await;
    assert_eq!(status, 200);
    for client in &mut slow {
        assert_eq!(answer(client).await.0, 503);
    }
    assert_eq!(site.refused(Refusal::Busy), 2);
}

#[tokio::test]
async fn connections_that_only_sit_there_keep_nobody_out() {
    let site = Site::start("many", false).await;
    let mut idle = Vec::new();
    // Twice as many as there may be, half of which never begin a handshake.
    for number in 0..2 * CONNECTIONS {
        match number % 2 {
            0 => idle.push((Some(TcpStream::connect(site.address).await.unwrap()), None)),
            _ => idle.push((None, Some(site.connect(false).await))),
        }
    }
    let (status, _) = ask(
        &mut site.connect(false).await,
        &post("/validate", JSON, &review()),
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn reviews_that_are_begun_and_not_sent_keep_nobody_out() {
    let site = Site::start("begun", false).await;
    let mut begun = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = site.connect(false).await;
        let head =
            format!("POST /validate HTTP/1.1\r\nhost: a\r\n{JSON}content-length: 10\r\n\r\n{{");
        client.write_all(head.as_bytes()).await.unwrap();
        begun.push(client);
    }
    let (status, _) = ask(
        &mut site.connect(false).await,
        &post("/validate", JSON, &review()),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(site.refused(Refusal::Busy), 0, "it did not wait for them");
}

#[tokio::test]
async fn who_shows_no_certificate_is_told_so_where_one_is_asked_for() {
    let site = Site::start("client", true).await;
    let (status, said) = ask(
        &mut site.connect(false).await,
        &post("/validate", JSON, &review()),
    )
    .await;
    assert_eq!((status, said.trim()), (401, Refusal::NoCertificate.help()));
    let (status, _) = ask(
        &mut site.connect(true).await,
        &post("/validate", JSON, &review()),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(site.refused(Refusal::NoCertificate), 1);
}

#[tokio::test]
async fn what_is_no_handshake_is_counted() {
    let site = Site::start("plain", false).await;
    let mut client = TcpStream::connect(site.address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
    assert_eq!(site.refused(Refusal::Handshake), 1);
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_a_bad_one_is_not() {
    let site = Site::start("renew", false).await;
    let mut tls = site.tls.clone();
    tls.mark_unchanged();
    std::fs::write(site.folder.join("tls.crt"), "not PEM").unwrap();
    let second = site.renew();
    tls.changed().await.unwrap();
    let client = site.connect(false).await;
    let shown = client.get_ref().1.peer_certificates().unwrap();
    assert_eq!(shown, [second]);
}

#[tokio::test]
async fn who_leaves_answers_what_was_asked_and_closes() {
    let site = Site::start("leave", false).await;
    let mut client = site.connect(false).await;
    let (status, _) = ask(&mut client, &post("/validate", JSON, &review())).await;
    assert_eq!(status, 200);
    let (begin, end) = (post("/validate", JSON, &review()), "");
    let (begin, rest) = begin.split_at(begin.len() - 10);
    let mut slow = site.connect(false).await;
    slow.write_all(begin.as_bytes()).await.unwrap();
    let (leave, reviews) = &site.leave;
    let left = async {
        super::leave(leave, reviews).await;
        "left"
    };
    let asked = async {
        let (status, _) = ask(&mut client, &post("/validate", JSON, &review())).await;
        assert_eq!(status, 200);
        assert_eq!(
            client.read(&mut [0; 1]).await.unwrap_or(0),
            0,
            "it is closed"
        );
        slow.write_all(rest.as_bytes()).await.unwrap();
        let (status, _) = ask(&mut slow, end).await;
        assert_eq!(status, 200);
        assert_eq!(reviews.available_permits(), REVIEWS as usize);
    };
    let (left, ()) = tokio::join!(left, asked);
    assert_eq!(left, "left");
}
