//! An authority to sign whatever a test needs.

use std::fs;
use std::path::Path;

use portreeve_identity::{CA_FILE, CHAIN_FILE, Identity, KEY_FILE, Pem, Role};
use portreeve_table::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// What peers who believe this authority have as `ca.crt`.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The identity of a role, by this authority.
    pub(crate) fn certify(&self, role: Role) -> Pem {
        let usage = if role.is_server() {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        };
        self.certify_as(role.dns_name(), |params| {
            params.extended_key_usages = vec![usage];
        })
    }

    /// A certificate of any name, and with anything else.
    pub(crate) fn certify_as(&self, name: &str, with: impl FnOnce(&mut CertificateParams)) -> Pem {
        let mut params = CertificateParams::new([name.to_string()]).unwrap();
        with(&mut params);
        let key = KeyPair::generate().unwrap();
        Pem {
            ca: self.pem(),
            chain: params.signed_by(&key, &self.0).unwrap().pem(),
            key: Secret::new(key.serialize_pem()),
        }
    }

    pub(crate) fn identity(&self, role: Role) -> Identity {
        parsed(role, &self.certify(role))
    }
}

pub(crate) fn parsed(role: Role, pem: &Pem) -> Identity {
    Identity::parse(role, pem, "test").unwrap()
}

/// Makes a certificate one of the past.
pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2020, 2, 1);
}

pub(crate) fn write(folder: &Path, pem: &Pem) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(CA_FILE), &pem.ca).unwrap();
    fs::write(folder.join(CHAIN_FILE), &pem.chain).unwrap();
    fs::write(folder.join(KEY_FILE), pem.key.expose()).unwrap();
}
