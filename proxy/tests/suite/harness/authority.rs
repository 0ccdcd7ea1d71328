//! An authority that makes identities of controllers and proxies.

use std::sync::Arc;

use portreeve_identity::{CA_FILE, CHAIN_FILE, Identity, KEY_FILE, Pem, Role};
use portreeve_table::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// What peers who believe this authority have as `ca.crt`.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The identity of a role, by this authority. It can be used as a client and as a server.
    pub fn certify(&self, role: Role) -> Pem {
        let params = CertificateParams::new([role.dns_name().to_string()]).unwrap();
        let key = KeyPair::generate().unwrap();
        Pem {
            ca: self.pem(),
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: Secret::new(key.serialize_pem()),
        }
    }

    /// A proxy's identity, as the files of a folder.
    pub fn proxy(&self) -> [(&'static str, String); 3] {
        files(&self.certify(Role::Proxy))
    }

    /// How a controller with an identity of this authority takes proxies.
    pub fn controller(&self) -> Arc<ServerConfig> {
        serving(Role::Controller, &self.certify(Role::Controller))
    }
}

/// An identity as the files of a folder.
pub fn files(pem: &Pem) -> [(&'static str, String); 3] {
    let key = pem.key.expose().clone();
    [
        (CA_FILE, pem.ca.clone()),
        (CHAIN_FILE, pem.chain.clone()),
        (KEY_FILE, key),
    ]
}

/// The certificate in the text of one.
pub fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

/// How whoever has this identity takes proxies.
pub fn serving(role: Role, pem: &Pem) -> Arc<ServerConfig> {
    let identity = Identity::parse(role, pem, "test").unwrap();
    identity.server(Role::Proxy).unwrap()
}
