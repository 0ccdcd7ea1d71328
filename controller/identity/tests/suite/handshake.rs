//! Who gets through a handshake.

use std::sync::Arc;

use portreeve_identity::{Identity, Role};
use rustls::{
    ClientConfig, ClientConnection, Error, HandshakeKind, ProtocolVersion, ServerConfig,
    ServerConnection,
};

use crate::authority::{Authority, expired, parsed};

/// Carries bytes between both sides until neither has more to say.
fn shake(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let mut client = ClientConnection::new(client, Role::Controller.server_name())?;
    let mut server = ServerConnection::new(server)?;
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok((client, server))
}

fn meet(proxy: &Identity, controller: &Identity) -> Result<(), Error> {
    let client = proxy.client()?;
    shake(client, controller.server(Role::Proxy)?).map(drop)
}

#[test]
fn both_sides_know_each_other() {
    let authority = Authority::new();
    let client = authority.identity(Role::Proxy).client().unwrap();
    let server = authority.identity(Role::Controller);
    let (client, server) = shake(client, server.server(Role::Proxy).unwrap()).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.alpn_protocol(), Some(b"h2".as_slice()));
    assert!(!client.is_handshaking() && !server.is_handshaking());
}

#[test]
fn no_session_is_resumed() {
    let authority = Authority::new();
    let client = authority.identity(Role::Proxy).client().unwrap();
    let server = authority.identity(Role::Controller);
    let server = server.server(Role::Proxy).unwrap();
    for _ in 0..3 {
        let (client, server) = shake(Arc::clone(&client), Arc::clone(&server)).unwrap();
        // Not even by keys: the first may ask for another group, but never is it `Resumed`.
        assert_ne!(client.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(client.tls13_tickets_received(), 0);
        assert!(server.peer_certificates().is_some());
    }
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    let authority = Authority::new();
    let mut client = (*authority.identity(Role::Proxy).client().unwrap()).clone();
    client.client_auth_cert_resolver = Arc::new(Nobody);
    let server = authority.identity(Role::Controller);
    let refused = shake(Arc::new(client), server.server(Role::Proxy).unwrap());
    assert_eq!(refused.unwrap_err(), Error::NoCertificatesPresented);
}

#[derive(Debug)]
struct Nobody;

impl rustls::client::ResolvesClientCert for Nobody {
    fn resolve(
        &self,
        _hints: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn strangers_are_refused_on_both_sides() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    // Each believes both authorities, or only one, whoever signed its own certificate.
    let trusting = |own: &Authority, believed: &Authority, role| {
        let mut pem = own.certify(role);
        pem.ca.push_str(&believed.pem());
        parsed(role, &pem)
    };
    let controller = trusting(&ours, &theirs, Role::Controller);
    assert!(meet(&theirs.identity(Role::Proxy), &controller).is_err());
    assert!(meet(&trusting(&theirs, &ours, Role::Proxy), &controller).is_ok());
    let controller = ours.identity(Role::Controller);
    assert!(meet(&trusting(&theirs, &ours, Role::Proxy), &controller).is_err());
}

#[test]
fn a_role_is_not_another() {
    let authority = Authority::new();
    // Signed by the same authority, good for clients and servers, but of another name.
    let certificate = |name: &str| authority.certify_as(name, |_| {});
    let controller = certificate(Role::Controller.dns_name());
    let controller = parsed(Role::Controller, &controller);
    assert!(meet(&authority.identity(Role::Proxy), &controller).is_ok());
    assert!(meet(&controller, &controller).is_err());

    let proxy = parsed(Role::Proxy, &certificate(Role::Proxy.dns_name()));
    let impostor = shake(
        authority.identity(Role::Proxy).client().unwrap(),
        proxy.server(Role::Proxy).unwrap(),
    );
    assert!(impostor.is_err());
}

/// It is certified by the same authority, and its certificate is seen by whoever asks for it.
#[test]
fn the_admission_webhook_is_neither_a_controller_nor_a_proxy() {
    let authority = Authority::new();
    let controller = authority.identity(Role::Controller);
    let proxy = authority.identity(Role::Proxy).client().unwrap();
    let meant_for_both = authority.certify_as(Role::Admission.dns_name(), |_| {});
    for admission in [authority.certify(Role::Admission), meant_for_both] {
        let admission = parsed(Role::Admission, &admission);
        let refused = meet(&admission, &controller).unwrap_err();
        assert!(matches!(refused, Error::InvalidCertificate(_)), "{refused}");
        let impostor = admission.server(Role::Proxy).unwrap();
        let refused = shake(Arc::clone(&proxy), impostor).unwrap_err();
        assert!(matches!(refused, Error::InvalidCertificate(_)), "{refused}");
    }
}

#[test]
fn what_has_expired_is_refused() {
    let authority = Authority::new();
    let pem = authority.certify_as(Role::Proxy.dns_name(), expired);
    let proxy = parsed(Role::Proxy, &pem);
    let refused = meet(&proxy, &authority.identity(Role::Controller));
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("expired"), "{told}");
}
