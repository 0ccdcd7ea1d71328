//! Starting: before there is an identity, a controller, or anything told.

use serde_json::json;

use super::{FOLLOWED, contact, probe, proxy, serving, status, text};
use crate::harness::authority::Authority;
use crate::harness::controller::{Controller, reserved};
use crate::harness::session::Resources;
use crate::harness::{Backend, Proxy, wait_until};

#[test]
fn a_proxy_that_starts_first_waits_for_its_identity_and_for_a_controller() {
    let (backend, authority) = (Backend::named("here"), Authority::new());
    let address = reserved();
    let proxy = Proxy::following(&[address]).arg("--node", "n").listening();
    wait_until("a word about the identity", || {
        proxy.said().contains("ca.crt cannot be read")
    });
    assert_eq!(
        (probe(&proxy, "/livez"), probe(&proxy, "/readyz")),
        (200, 503)
    );
    for (name, text) in authority.proxy() {
        proxy.dir.write(name, &text);
    }
    wait_until("a word about the controller", || {
        proxy.said().contains("cannot be connected to")
    });
    assert_eq!(
        (probe(&proxy, "/livez"), probe(&proxy, "/readyz")),
        (200, 503)
    );
    assert_eq!(contact(&proxy), (0.0, 0.0), "what is not there is not old");

    let mut controller = Controller::at(address, authority.controller());
    let mut session = controller.session();
    let hello = json!({"node": "n", "schema": 1, "have": {}});
    assert_eq!(session.hello, hello);
    session.part(1, &serving(&backend), &[]);
    for _ in 0..100 {
        assert_eq!(probe(&proxy, "/readyz"), 503, "not all of it has come");
        assert_eq!(status(&proxy, "a.example"), 404);
    }
    assert_eq!(session.synced(1), json!({"ack": {"seq": 1}}));
    assert_eq!(probe(&proxy, "/readyz"), 200);
    assert_eq!(text(&proxy, "a.example"), "here");
    assert_eq!(contact(&proxy), FOLLOWED);
}

#[test]
fn an_empty_configuration_is_one() {
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let mut session = controller.session();
    assert_eq!(probe(&proxy, "/readyz"), 503);
    session.tell(1, &Resources::new());
    assert_eq!(probe(&proxy, "/readyz"), 200);
    assert_eq!(contact(&proxy), FOLLOWED);
    assert_eq!(status(&proxy, "a.example"), 404);
}

#[test]
fn a_controller_that_refuses_is_named_once_however_often_it_is_asked() {
    let authority = Authority::new();
    let controller = Controller::refusing(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    wait_until("the fifth request", || controller.seen().1 >= 5);
    let said = proxy.said();
    let line = format!(
        "controller {}: it refuses the session with status 503",
        controller.address
    );
    assert_eq!(said.matches(&line).count(), 1, "{said}");
    assert_eq!(probe(&proxy, "/readyz"), 503);
}
