//! TLS-ALPN-01: handshakes that are told by what they offer.

use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{World, authorization, challenges};
use crate::harness::{Backend, Certificate, Ingress, TlsClient, service};

const ACME: &[u8] = b"acme-tls/1";
const ALPN_01: &str = "tls-alpn-01";

/// The extension that holds the digest (RFC 8737, section 6.1).
const IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// A host with a certificate of its own and a route, and challenges.
fn world(live: &[(&str, &str, &str)]) -> (World, Certificate, Backend) {
    let (certificate, backend) = (Certificate::new(&["a.example"]), Backend::named("here"));
    let ingress = Ingress::new("i")
        .host("a.example", "s")
        .tls("a.example", "tls");
    let manifests = service("s", &[backend.address])
        + &ingress.yaml()
        + &certificate.secret("tls")
        + &challenges(live);
    (World::new(&manifests), certificate, backend)
}

/// Checks a certificate as an ACME server does (RFC 8737, section 3).
fn check(der: &[u8], token: &str, name: &GeneralName<'_>) {
    let (_, shown) = X509Certificate::from_der(der).unwrap();
    let names = shown.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names, std::slice::from_ref(name));
    assert_eq!(shown.subject(), shown.issuer(), "it is signed by itself");
    let mut extensions = shown.extensions().iter();
    let identifier = extensions
        .find(|it| it.oid.to_id_string() == IDENTIFIER)
        .unwrap();
    assert!(identifier.critical);
    let expected = digest(&SHA256, authorization(token).as_bytes());
    let (octets, value) = identifier.value.split_at(2);
    assert_eq!((octets, value), (&[4, 32][..], expected.as_ref()));
}

#[test]
fn a_handshake_that_offers_nothing_else_is_shown_the_proof() {
    let (world, own, _backend) = world(&[
        ("one", "a.example", ALPN_01),
        ("two", "nobodys.example", ALPN_01),
        ("four", "192.0.2.1", ALPN_01),
    ]);
    let address = [192, 0, 2, 1];
    for (token, server_name, name) in [
        ("one", "a.example", GeneralName::DNSName("a.example")),
        ("one", "A.Example", GeneralName::DNSName("a.example")),
        (
            "two",
            "nobodys.example",
            GeneralName::DNSName("nobodys.example"),
        ),
        (
            "four",
            "1.2.0.192.in-addr.arpa",
            GeneralName::IPAddress(&address),
        ),
    ] {
        for version in rustls::ALL_VERSIONS {
            let to = world.proxy.https();
            let mut client = TlsClient::with(to, Some(server_name), &[ACME], &[*version]);
            assert_eq!(client.alpn().as_deref(), Some(ACME));
            let shown = client.certificate();
            assert_ne!(shown, own.der());
            check(&shown, token, &name);
            client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
            // Whether our bytes met an open socket or a closed one, none comes back.
            let read = client.read_to_end().unwrap_or_default();
            assert_eq!(read, b"", "no HTTP is spoken");
        }
    }
    let one = || TlsClient::connect(world.proxy.https(), Some("a.example"), &[ACME]).certificate();
    assert_eq!(one(), one(), "it is made once");
}

#[test]
fn every_other_handshake_is_as_it_was() {
    let (world, own, _backend) = world(&[("one", "a.example", ALPN_01)]);
    for (offered, agreed) in [
        (&[][..], None),
        (&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])),
        (&[&b"http/1.1"[..]], Some(b"http/1.1")),
        (&[ACME, b"http/1.1"], Some(b"http/1.1")),
        (&[ACME, b"h2", b"http/1.1"], Some(b"h2")),
    ] {
        let mut client = TlsClient::connect(world.proxy.https(), Some("a.example"), offered);
        assert_eq!(client.alpn().as_deref(), agreed);
        assert_eq!(client.certificate(), own.der(), "{offered:?}");
        if agreed != Some(b"h2") {
            assert_eq!(client.get("a.example", "/").text(), "here", "{offered:?}");
        }
    }
    // Offered beside what nobody speaks, it is agreed on, but nothing is proven by it.
    let offered: [&[u8]; 2] = [ACME, b"imap"];
    let mut client = TlsClient::connect(world.proxy.https(), Some("a.example"), &offered);
    assert_eq!(client.certificate(), own.der());
    assert_eq!(client.read_to_end().unwrap(), b"");
}

#[test]
fn without_a_challenge_of_the_name_the_handshake_is_refused() {
    let (world, own, _backend) = world(&[
        ("one", "b.example", ALPN_01),
        ("two", "a.example", "http-01"),
    ]);
    let shake = |name: Option<&str>, alpn: &[&[u8]]| {
        TlsClient::attempt(world.proxy.https(), name, alpn, rustls::ALL_VERSIONS)
    };
    for name in [
        Some("a.example"),
        Some("x.b.example"),
        Some("elsewhere.example"),
        None,
    ] {
        assert!(shake(name, &[ACME]).is_err(), "{name:?}");
    }
    assert!(shake(Some("b.example"), &[ACME]).is_ok());
    let ordinary = shake(Some("a.example"), &[b"http/1.1"]).unwrap();
    assert_eq!(ordinary.certificate(), own.der(), "it harms no other");
}

#[test]
fn a_challenge_that_is_taken_away_is_proven_no_more() {
    let (mut world, _own, _backend) = world(&[("one", "a.example", ALPN_01)]);
    let shake = |world: &World| {
        let to = world.proxy.https();
        TlsClient::attempt(to, Some("a.example"), &[ACME], rustls::ALL_VERSIONS)
    };
    assert!(shake(&world).is_ok());
    world
        .session
        .part(7, &Default::default(), &["challenge/one"]);
    world.session.synced(7);
    assert!(shake(&world).is_err());
}
