//! Questions over real sockets, and answers that are not as they should be.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn staged(host: &str) -> Staged {
    Staged {
        token: "token".parse().unwrap(),
        host: host.parse().unwrap(),
        key_authorization: "token.thumbprint".into(),
        kind: ChallengeKind::Http01,
    }
}

/// Answers one question with these bytes, and gives back what was asked.
async fn answer(text: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let mut read = 0;
        while !head[..read].ends_with(b"\r\n\r\n") {
            read += stream.read(&mut head[read..]).await.unwrap();
        }
        stream.write_all(text.as_bytes()).await.unwrap();
        String::from_utf8(head[..read].to_vec()).unwrap()
    });
    (address, asked)
}

#[tokio::test]
async fn the_question_is_a_cas() {
    for (host, header) in [
        ("shop.example", "shop.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "[2001:db8::1]"),
    ] {
        let right = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\ntoken.thumbprint\r\n";
        let (address, asked) = answer(right).await;
        let asker = Asker::new().unwrap();
        asker.ask(address, &staged(host)).await.unwrap();
        let asked = asked.await.unwrap();
        let line = "GET /.well-known/acme-challenge/token HTTP/1.1\r\n";
        assert!(asked.starts_with(line), "{asked}");
        let header = format!("host: {header}\r\n");
        assert!(asked.contains(&header), "{asked}");
    }
}

#[tokio::test]
async fn whatever_else_is_answered_is_wrong() {
    for (text, expected) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "status 404",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntoken",
            "another answer than that of this challenge",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n",
            "another answer than that of this challenge",
        ),
        ("SSH-2.0-x\r\n", "invalid HTTP version parsed"),
    ] {
        let (address, _asked) = answer(text).await;
        let asker = Asker::new().unwrap();
        let wrong = asker.ask(address, &staged("shop.example")).await;
        assert_eq!(wrong.unwrap_err().to_string(), expected, "{text}");
    }
}

/// Shakes hands once with a certificate that answers so.
async fn shows(authorization: &str, protocol: &'static [u8]) -> SocketAddr {
    let mut answer = rcgen::CertificateParams::new(vec!["shop.example".into()]).unwrap();
    let digest = Sha256::digest(authorization.as_bytes());
    answer.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&digest)];
    let key = rcgen::KeyPair::generate().unwrap();
    let chain = vec![answer.self_signed(&key).unwrap().der().clone()];
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(
        &rustls_pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    );
    let shown = rustls::sign::CertifiedKey::new(chain, key.unwrap());
    let resolver = rustls::sign::SingleCertAndKey::from(shown);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![protocol.to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let _whoever_asks_may_refuse = acceptor.accept(stream).await;
    });
    address
}

#[tokio::test]
async fn a_handshake_answers_by_its_certificate_and_its_protocol() {
    let staged = Staged {
        kind: ChallengeKind::TlsAlpn01,
        ..staged("shop.example")
    };
    let asker = Asker::new().unwrap();
    let right = shows("token.thumbprint", PROTOCOL).await;
    asker.ask(right, &staged).await.unwrap();
    let other = shows("token.other", PROTOCOL).await;
    let wrong = asker.ask(other, &staged).await.unwrap_err();
    assert!(matches!(wrong, Wrong::Other), "{wrong}");
    let web = shows("token.thumbprint", b"h2").await;
    let wrong = asker.ask(web, &staged).await.unwrap_err();
    assert!(matches!(wrong, Wrong::Io(_)), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asker = Asker::new().unwrap();
    for kind in [ChallengeKind::Http01, ChallengeKind::TlsAlpn01] {
        let staged = Staged {
            kind,
            ..staged("shop.example")
        };
        let address = listener.local_addr().unwrap();
        let wrong = asker.ask(address, &staged).await.unwrap_err();
        assert!(matches!(wrong, Wrong::Silent), "{wrong}");
    }
}
