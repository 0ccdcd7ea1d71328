//! Who is believed, and identities that are replaced.

use std::sync::Arc;

use portreeve_identity::Role;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::TLS13;

use super::{Load, contact, probe, proxy, serving, text};
use crate::harness::authority::{self, Authority};
use crate::harness::controller::{Controller, any_session};
use crate::harness::session::{Resources, have};
use crate::harness::{Backend, wait_until};

/// A server with a certificate of a controller that no authority has signed.
fn self_signed() -> Arc<ServerConfig> {
    let name = Role::Controller.dns_name().to_string();
    let made = rcgen::generate_simple_self_signed([name]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

#[test]
fn who_is_no_controller_of_our_authority_is_not_listened_to() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    // It believes us; that is not enough for us to believe it.
    let mut stranger = theirs.certify(Role::Controller);
    stranger.ca += &ours.pem();
    let impostors = [
        self_signed(),
        authority::serving(Role::Controller, &stranger),
        authority::serving(Role::Proxy, &ours.certify(Role::Proxy)),
        authority::serving(Role::Admission, &ours.certify(Role::Admission)),
    ];
    let impostors = impostors.map(Controller::start);
    let addresses = impostors.each_ref().map(|impostor| impostor.address);
    let alone = proxy(&ours, &addresses).listening();
    let mut controller = Controller::start(ours.controller());
    let all = [&addresses[..], &[controller.address]].concat();
    let among = proxy(&ours, &all).listening();
    controller.session().tell(1, &Resources::new());
    assert_eq!(probe(&among, "/readyz"), 200);
    for impostor in &impostors {
        wait_until("three attempts", || impostor.seen().0 >= 3);
        assert_eq!(impostor.seen().1, 0, "nothing was asked of it");
        let named = format!("controller {}: it is not known", impostor.address);
        assert_eq!(alone.said().matches(&named).count(), 1, "{}", alone.said());
    }
    assert_eq!(probe(&alone, "/readyz"), 503);
}

#[test]
fn a_controller_that_does_not_believe_us_is_named_with_what_to_look_at() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let mut trusting = theirs.certify(Role::Proxy);
    trusting.ca += &ours.pem();
    let controller = Controller::start(ours.controller());
    let mut proxy = crate::harness::Proxy::following(&[controller.address]);
    for (name, text) in authority::files(&trusting) {
        proxy = proxy.file(name, text);
    }
    let proxy = proxy.listening();
    wait_until("a word about it", || {
        let said = proxy.said();
        said.contains("fatal alert") && said.contains("--identity")
    });
    assert_eq!(probe(&proxy, "/readyz"), 503);
}

#[test]
fn the_next_session_uses_the_identity_that_is_there_then() {
    let backend = Backend::named("here");
    let (old, new) = (Authority::new(), Authority::new());
    let mut controller = Controller::start(old.controller());
    let proxy = proxy(&old, &[controller.address]).listening();
    let truth = serving(&backend);
    let mut session = controller.session();
    session.tell(1, &truth);

    let mut load = Load::on(&proxy);
    let mut pem = new.certify(Role::Proxy);
    let leaf = authority::der(&pem.chain);
    pem.ca += &old.pem();
    for (name, text) in authority::files(&pem) {
        proxy.dir.write(name, &text);
        load.ask();
    }
    session.tell(2, &Resources::new());
    // It believes nobody but the new authority, and nobody else believes it.
    let address = controller.kill();
    let controller = Controller::at(address, new.controller());
    let (_, mut session) = any_session(&mut [controller], || load.ask());
    assert_eq!(session.certificate, leaf);
    assert_eq!(session.have(), have(&truth));
    session.tell(1, &Resources::new());
    assert_eq!(contact(&proxy), super::FOLLOWED);
    load.ask();
    assert_eq!(text(&proxy, "a.example"), "here");
}

#[test]
fn an_identity_that_is_damaged_leaves_the_last_one_in_use() {
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let session = controller.session();
    let leaf = session.certificate.clone();
    proxy.dir.write("tls.key", "");
    drop(session);
    let mut session = controller.session();
    assert_eq!(session.certificate, leaf);
    session.tell(1, &Resources::new());
    wait_until("a word about it", || proxy.said().contains("tls.key"));
}
