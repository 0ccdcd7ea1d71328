//! Certificates by ACME without a cluster: what is said where none can be had, and from `issued.rs`
//! on the whole way with a real CA.

mod issued;
#[path = "../../../controller/acme/tests/support/pebble.rs"]
#[allow(dead_code, reason = "it is made for more than is needed here")]
mod pebble;
#[path = "../../../controller/acme/tests/support/process.rs"]
mod process;
mod scene;

use crate::harness::{Certificate, Dir, Ingress, Proxy, TlsClient, wait_until};

use scene::{CA_IS_DOWN, HOST, ingress};

/// One that would order from a CA that is not there.
fn proxy(state: &Dir) -> Proxy {
    Proxy::new()
        .arg("--acme-dir", state.path().to_str().unwrap())
        .arg("--acme-directory", CA_IS_DOWN)
}

#[test]
fn while_the_ca_is_down_everything_else_is_served_and_it_is_said_what_to_do() {
    let state = Dir::new();
    let proxy = proxy(&state).manifest(ingress().yaml()).start();
    wait_until("a word about the CA", || {
        proxy.said().contains("failed (AcmeConnection)")
    });
    let said = proxy.said();
    let line = said.lines().find(|line| line.contains("failed")).unwrap();
    assert!(
        line.starts_with(&format!("acme t/web-tls ({HOST}): ")),
        "{line}"
    );
    assert!(line.contains("Check --acme-directory"), "{line}");
    assert!(line.contains("Tried again 20"), "{line}");
    wait_until("the failure's count", || {
        let reason = ["reason=\"AcmeConnection\""];
        proxy.metric("portreeve_acme_failures_total", &reason) == 1.0
    });
    let secret = ["secret=\"t/web-tls\""];
    assert_eq!(proxy.metric("portreeve_acme_failing", &secret), 1.0);
    assert_eq!(proxy.metric("portreeve_acme_orders_total", &[]), 0.0);
    // The default certificate answers meanwhile.
    TlsClient::connect(proxy.https(), Some(HOST), &[]);
}

#[test]
fn one_directory_is_for_one_proxy_and_the_second_says_who_has_it() {
    let state = Dir::new();
    let first = proxy(&state).start();
    let mut second = proxy(&state).spawn();
    assert_eq!(second.ended().code(), Some(1));
    let holder = format!("portreeve-proxy (process {})", first.id());
    wait_until("a word about the holder", || {
        second.said().contains(&holder)
    });
    assert!(second.said().contains("(--acme-dir) is in use by"));
    drop(first);
    // The kernel has let go of it, however its process ended.
    proxy(&state).start();
}

#[test]
fn a_directory_that_cannot_be_used_is_said_and_ends_the_process() {
    let state = Dir::new();
    state.write("file", "");
    let path = state.path().join("file");
    let mut proxy = Proxy::new()
        .arg("--acme-dir", path.to_str().unwrap())
        .arg("--acme-directory", CA_IS_DOWN)
        .spawn();
    assert_eq!(proxy.ended().code(), Some(1));
    wait_until("a word about the directory", || {
        proxy.said().contains("(--acme-dir) cannot be used: ")
    });
}

#[test]
fn a_wildcard_is_refused_with_the_way_to_go() {
    let state = Dir::new();
    let ingress = Ingress::new("web")
        .host("*.shop.example", "s")
        .tls("*.shop.example", "web-tls")
        .annotate_whole("portreeve.dev/acme", "true");
    let proxy = proxy(&state).file("web.yaml", ingress.yaml()).start();
    wait_until("a word about the wildcard", || {
        proxy.said().contains("AcmeWildcard")
    });
    wait_until("the way to go", || proxy.said().contains("cert-manager"));
    let said = proxy.said();
    let line = said.lines().find(|line| line.contains("AcmeWildcard"));
    assert!(line.unwrap().starts_with("web.yaml: t/web "), "{said}");
    assert_eq!(proxy.metric("portreeve_acme_failing", &[]), 0.0);
}

/// One that bears our mark would be served for ever, whatever was renewed beside it.
#[test]
fn a_secret_of_peoples_own_goes_first_and_is_left_alone() {
    let own = Certificate::new(&[HOST]);
    let plain = own.secret("web-tls");
    let marked = plain.replace(
        "metadata: {",
        "metadata: {annotations: {portreeve.dev/acme-issuer: 'https://ca.example/dir'}, ",
    );
    for (secret, expected) in [
        (plain, "AcmeSecretTaken"),
        (
            marked,
            "acme t/web-tls: left alone, because this Secret stands in own.yaml",
        ),
    ] {
        let state = Dir::new();
        let theirs = Certificate::new(&[HOST]).secret("web-tls");
        std::fs::create_dir(state.path().join("manifests")).unwrap();
        std::fs::write(state.path().join("manifests/a.yaml"), theirs).unwrap();
        let proxy = proxy(&state)
            .manifest(ingress().yaml())
            .file("own.yaml", secret)
            .start();
        let shown = TlsClient::connect(proxy.https(), Some(HOST), &[]).certificate();
        assert_eq!(shown, own.der());
        wait_until(expected, || proxy.said().contains(expected));
        let ours = state.path().join("manifests/a.yaml");
        let said = proxy.said();
        assert!(said.contains(ours.to_str().unwrap()), "{said}");
        assert!(!said.contains("failed (Acme"), "{said}");
    }
}

#[test]
fn what_was_issued_is_served_when_no_ca_is_named_any_more() {
    let state = Dir::new();
    let issued = Certificate::new(&[HOST]);
    std::fs::create_dir(state.path().join("manifests")).unwrap();
    let file = state.path().join("manifests/certificate.yaml");
    std::fs::write(&file, issued.secret("web-tls")).unwrap();
    let proxy = Proxy::new()
        .arg("--acme-dir", state.path().to_str().unwrap())
        .file("web.yaml", ingress().yaml())
        .start();
    let shown = || TlsClient::connect(proxy.https(), Some(HOST), &[]).certificate();
    assert_eq!(shown(), issued.der());
    wait_until("a word about the flag", || proxy.said().contains("AcmeOff"));
    let next = Certificate::new(&[HOST]);
    std::fs::write(&file, next.secret("web-tls")).unwrap();
    wait_until("what stands there now", || shown() == next.der());
}
