//! What is told is served: all of a delta at once, and nothing of it before.

use serde_json::json;

use super::{probe, proxy, serving, text};
use crate::harness::authority::Authority;
use crate::harness::controller::Controller;
use crate::harness::session::Session;
use crate::harness::told::{all, cert, host, upstream};
use crate::harness::{Backend, Certificate, Started, TlsClient};

/// A proxy that was told of `a.example` with this backend and certificate.
fn told(backend: &Backend, certificate: &Certificate) -> (Started, Controller, Session) {
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let mut session = controller.session();
    let cert = cert("t/tls", "a.example", certificate, certificate);
    session.tell(7, &all([serving(backend), cert]));
    assert_eq!(probe(&proxy, "/readyz"), 200);
    (proxy, controller, session)
}

fn over_tls(proxy: &Started) -> (String, Vec<u8>) {
    let mut client = TlsClient::connect(proxy.https(), Some("a.example"), &[]);
    (client.get("a.example", "/").text(), client.certificate())
}

#[test]
fn routes_endpoints_and_certificates_are_served() {
    let (backend, certificate) = (Backend::named("here"), Certificate::new(&["a.example"]));
    let (proxy, _controller, mut session) = told(&backend, &certificate);
    assert_eq!(text(&proxy, "a.example"), "here");
    assert_eq!(over_tls(&proxy), ("here".into(), certificate.der()));
    session.part(8, &Default::default(), &["host/a.example", "cert/t/tls"]);
    assert_eq!(session.synced(8), json!({"ack": {"seq": 8}}));
    assert_eq!(super::status(&proxy, "a.example"), 404);
    let mut client = TlsClient::connect(proxy.https(), Some("a.example"), &[]);
    assert_eq!(client.get("a.example", "/").status, 404);
    assert_ne!(client.certificate(), certificate.der());
}

#[test]
fn a_change_is_served_when_all_of_it_has_come() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let [old, new] = [(); 2].map(|()| Certificate::new(&["a.example"]));
    let (proxy, _controller, mut session) = told(&one, &old);
    // Alone, each of these would close the route or mix old and new.
    let parts = [
        host("a.example", "t/new:80"),
        cert("t/tls", "a.example", &new, &new),
        upstream("t/new:80", &[two.address]),
    ];
    for (part, remove) in parts.iter().zip([&["upstream/t/s:80"][..], &[], &[]]) {
        session.part(8, part, remove);
        for _ in 0..30 {
            assert_eq!(over_tls(&proxy), ("one".into(), old.der()));
        }
    }
    assert_eq!(session.synced(8), json!({"ack": {"seq": 8}}));
    assert_eq!(over_tls(&proxy), ("two".into(), new.der()));
}

#[test]
fn lines_may_be_cut_anywhere() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let certificate = Certificate::new(&["a.example"]);
    let (proxy, _controller, mut session) = told(&one, &certificate);
    let address = two.address.to_string();
    let line = json!({"delta": {"seq": 9, "upsert": {"upstream/t/s:80":
        {"hash": "9", "value": {"endpoints": [{"address": address}]}}}}});
    let lines = format!("{line}\n{{\"ping\":{{}}}}\n{{\"synced\":{{\"seq\":9}}}}\n");
    for byte in lines.into_bytes() {
        session.say_text(vec![byte]);
    }
    assert_eq!(session.hear(), json!({"ack": {"seq": 9}}));
    assert_eq!(text(&proxy, "a.example"), "two");
}
