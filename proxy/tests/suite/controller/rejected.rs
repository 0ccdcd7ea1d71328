//! What cannot be taken is named to who told it, and harms nothing else.

use serde_json::{Value, json};

use super::{proxy, serving, status, text};
use crate::harness::authority::Authority;
use crate::harness::controller::Controller;
use crate::harness::session::Session;
use crate::harness::told::{all, cert, host, route, told, upstream};
use crate::harness::{Backend, Certificate, Started, TlsClient, get, wait_until};

fn started() -> (Started, Controller, Session) {
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let session = controller.session();
    (proxy, controller, session)
}

/// The number and the names of a nack.
fn nack(answer: &Value) -> (u64, Vec<&str>) {
    let rejected = answer["nack"]["rejected"].as_array().unwrap();
    let names = rejected.iter().map(|told| told["key"].as_str().unwrap());
    (answer["nack"]["seq"].as_u64().unwrap(), names.collect())
}

fn shown(proxy: &Started) -> Vec<u8> {
    TlsClient::connect(proxy.https(), Some("a.example"), &[]).certificate()
}

fn success(proxy: &Started) -> f64 {
    proxy.metric(
        "nginx_ingress_controller_config_last_reload_successful",
        &[],
    )
}

#[test]
fn what_cannot_be_taken_is_named_and_everything_else_is_applied() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let [good, other] = [(); 2].map(|()| Certificate::new(&["a.example"]));
    let (proxy, mut controller, mut session) = started();
    let b = host("b.example", "t/s:80");
    let tls = cert("t/tls", "a.example", &good, &good);
    session.tell(1, &all([serving(&one), b, tls]));

    session.part(
        2,
        &all([
            cert("t/tls", "a.example", &good, &other),
            told("host/b.example", json!({"routes": 5})),
            told("host/not a host", json!({"routes": []})),
            told("listener/x", json!({})),
            host("c.example", "t/s:80"),
            upstream("t/s:80", &[two.address]),
        ]),
        &[],
    );
    let answer = session.synced(2);
    let bad = [
        "cert/t/tls",
        "host/b.example",
        "host/not a host",
        "listener/x",
    ];
    assert_eq!(nack(&answer), (2, bad.to_vec()));
    // Everything else is in place, and the last good value where there was one.
    for host in ["a.example", "b.example", "c.example"] {
        assert_eq!(text(&proxy, host), "two", "{host}");
    }
    assert_eq!(shown(&proxy), good.der());
    assert_eq!(success(&proxy), 0.0);
    for name in bad {
        let line = format!("portreeve-proxy: {name} is rejected: ");
        wait_until(name, || proxy.said().contains(&line));
    }
    let key = other.key_pem();
    let secret = key.lines().nth(1).unwrap();
    assert!(!proxy.said().contains(secret) && !answer.to_string().contains(secret));

    // What goes on beside it is taken whole and not lamented again.
    session.tell(3, &upstream("t/s:80", &[one.address]));
    assert_eq!(text(&proxy, "a.example"), "one");
    assert_eq!(proxy.said().matches("cert/t/tls is rejected").count(), 1);
    // The next controller is told of what it has no reason to offer again.
    drop(session);
    let mut session = controller.session();
    assert_eq!(nack(&session.synced(1)), (1, vec!["cert/t/tls"]));
    session.tell(2, &cert("t/tls", "a.example", &other, &other));
    assert_eq!((shown(&proxy), success(&proxy)), (other.der(), 1.0));
}

#[test]
fn a_route_with_what_is_not_known_is_closed_and_named_and_its_neighbours_serve() {
    let backend = Backend::named("here");
    let (proxy, _controller, mut session) = started();
    let [mut newer, mut newest, mut guarded] =
        ["/newer", "/newest", "/guarded"].map(|path| route(path, "t/s:80"));
    newer["conditions"] = json!({"headers": [["x-a", {"like": "b*"}]]});
    newest["conditions"] = json!({"cookies": [["a", "present"]]});
    guarded["filters"] = json!([{"firewall": {"mode": "block"}}]);
    let origin = guarded["origin"].clone();
    let routes = json!({"routes": [newer, route("/", "t/s:80"), newest, guarded]});
    let b = host("b.example", "t/s:80");
    session.part(
        1,
        &all([serving(&backend), b, told("host/a.example", routes)]),
        &[],
    );
    let answer = session.synced(1);
    assert_eq!(nack(&answer), (1, vec!["host/a.example"; 3]));
    let rejected = answer["nack"]["rejected"].as_array().unwrap();
    assert!(rejected.iter().all(|told| told["origin"] == origin));
    let status_of = |path| get(proxy.http(), "a.example", path).status;
    assert_eq!(status_of("/guarded"), 503);
    assert_eq!(status_of("/newer"), 503);
    assert_eq!(status_of("/newest/x"), 503);
    assert_eq!((status_of("/"), status_of("/new")), (200, 200));
    assert_eq!(status(&proxy, "b.example"), 200);
}
