//! TLS: which certificate answers for which name, what is negotiated, and that both follow changes.

use crate::harness::{
    Backend, Certificate, Ingress, Proxy, Started, TlsClient, service, wait_until,
};

fn proxy(files: &[(&str, String)]) -> (Started, Backend) {
    let backend = Backend::named("here");
    let mut proxy = Proxy::new().file("service.yaml", service("s", &[backend.address]));
    for (name, text) in files {
        proxy = proxy.file(name, text);
    }
    (proxy.start(), backend)
}

fn shown(proxy: &Started, name: Option<&str>) -> Vec<u8> {
    TlsClient::connect(proxy.https(), name, &[]).certificate()
}

#[test]
fn the_most_specific_certificate_answers() {
    let exact = Certificate::new(&["eu.shop.example"]);
    let wildcard = Certificate::new(&["*.shop.example"]);
    let ingress = Ingress::new("i")
        .host("eu.shop.example", "s")
        .host("us.shop.example", "s")
        .tls("*.shop.example", "wildcard")
        .tls("eu.shop.example", "exact");
    let (proxy, _backend) = proxy(&[
        ("ingress.yaml", ingress.yaml()),
        ("exact.yaml", exact.secret("exact")),
        ("wildcard.yaml", wildcard.secret("wildcard")),
    ]);
    for (name, expected) in [
        ("eu.shop.example", &exact),
        ("EU.Shop.Example", &exact),
        ("us.shop.example", &wildcard),
    ] {
        assert_eq!(shown(&proxy, Some(name)), expected.der(), "{name}");
    }
    let default = shown(&proxy, Some("elsewhere.example"));
    assert!(default != exact.der() && default != wildcard.der());
    assert_eq!(
        shown(&proxy, None),
        default,
        "without a name the default certificate is shown"
    );
    assert_eq!(
        shown(&proxy, Some("a.us.shop.example")),
        default,
        "a wildcard is one label"
    );
}

#[test]
fn requests_come_through_over_both_versions_of_both() {
    let certificate = Certificate::new(&["a.example"]);
    let ingress = Ingress::new("i")
        .host("a.example", "s")
        .tls("a.example", "tls");
    let (proxy, _backend) = proxy(&[
        ("ingress.yaml", ingress.yaml()),
        ("tls.yaml", certificate.secret("tls")),
    ]);
    for (version, alpn) in [
        (&rustls::version::TLS12, &b"http/1.1"[..]),
        (&rustls::version::TLS13, b"http/1.1"),
        (&rustls::version::TLS13, b"h2"),
    ] {
        let mut client = TlsClient::with(proxy.https(), Some("a.example"), &[alpn], &[version]);
        assert_eq!(client.alpn().as_deref(), Some(alpn));
        if alpn == b"http/1.1" {
            assert_eq!(client.get("a.example", "/").text(), "here");
        }
    }
    let mut client = TlsClient::connect(proxy.https(), Some("a.example"), &[]);
    assert_eq!(client.alpn(), None, "a client without ALPN speaks HTTP/1.1");
    assert_eq!(client.get("a.example", "/").text(), "here");
}

#[test]
fn a_certificate_comes_changes_and_goes_without_a_restart() {
    let [old, new] = [(); 2].map(|()| Certificate::new(&["a.example"]));
    let ingress = Ingress::new("i")
        .host("a.example", "s")
        .tls("a.example", "tls");
    let (proxy, _backend) = proxy(&[("ingress.yaml", ingress.yaml())]);
    let default = shown(&proxy, Some("a.example"));
    wait_until("a word about the missing Secret", || {
        proxy.said().contains("t/tls")
    });
    let mut witness = TlsClient::connect(proxy.https(), Some("a.example"), &[]);
    assert_eq!(witness.get("a.example", "/").text(), "here");
    for (certificate, what) in [(&old, "the first"), (&new, "the second")] {
        proxy.dir.write("tls.yaml", &certificate.secret("tls"));
        wait_until(what, || {
            shown(&proxy, Some("a.example")) == certificate.der()
        });
    }
    std::fs::remove_file(proxy.dir.path().join("tls.yaml")).unwrap();
    wait_until("the default", || {
        shown(&proxy, Some("a.example")) == default
    });
    assert_eq!(
        witness.get("a.example", "/").text(),
        "here",
        "its connection saw nothing of it"
    );
}

#[test]
fn a_key_that_does_not_fit_is_named_and_harms_no_other() {
    let [good, other] = [(); 2].map(|()| Certificate::new(&["a.example", "b.example"]));
    let mismatched = good
        .secret("bad")
        .replace(&good.key_base64(), &other.key_base64());
    let ingress = Ingress::new("i")
        .host("a.example", "s")
        .host("b.example", "s")
        .tls("a.example", "bad")
        .tls("b.example", "good");
    let (proxy, _backend) = proxy(&[
        ("ingress.yaml", ingress.yaml()),
        ("bad.yaml", mismatched),
        ("good.yaml", good.secret("good")),
    ]);
    assert_eq!(shown(&proxy, Some("b.example")), good.der());
    assert_ne!(shown(&proxy, Some("a.example")), good.der());
    wait_until("a word about it", || proxy.said().contains("t/bad"));
    assert!(
        !proxy.said().contains(&other.key_base64()),
        "and not a word of the key"
    );
}
