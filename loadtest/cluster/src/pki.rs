//! The cluster's authority, the API server's certificate, and what the server knows its users by.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

use crate::namespace::HOST;
use crate::{ClusterError, Folder};

/// Who the API server is, from within, from outside through a forward, and by its Service.
const NAMES: [&str; 8] = [
    HOST,
    "10.96.0.1",
    "127.0.0.1",
    "::1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
];

/// The files of a cluster's keys and certificates.
#[derive(Debug)]
pub(crate) struct Pki {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The key that service account tokens are signed with.
    pub(crate) accounts: PathBuf,
    /// The key that they are checked with.
    pub(crate) accounts_public: PathBuf,
    pub(crate) tokens: PathBuf,
    token: String,
}

impl Pki {
    /// Makes and writes everything for a new cluster.
    pub(crate) fn make(folder: &Folder) -> Result<Self, ClusterError> {
        let at = |name: &str| folder.pki().join(name);
        let pki = Self {
            authority: at("ca.crt"),
            certificate: at("apiserver.crt"),
            key: at("apiserver.key"),
            accounts: at("accounts.key"),
            accounts_public: at("accounts.pub"),
            tokens: at("tokens.csv"),
            token: random()?,
        };
        let (authority, issuer) = authority()?;
        let key = KeyPair::generate()?;
        let certificate = server()?.signed_by(&key, &issuer)?;
        private(&pki.authority, &authority)?;
        private(&pki.certificate, &(certificate.pem() + &authority))?;
        private(&pki.key, &key.serialize_pem())?;
        let accounts = KeyPair::generate()?;
        private(&pki.accounts, &accounts.serialize_pem())?;
        private(&pki.accounts_public, &accounts.public_key_pem())?;
        let admin = format!("{},admin,admin,\"system:masters\"\n", pki.token);
        private(&pki.tokens, &admin)?;
        Ok(pki)
    }

    /// Writes a kubeconfig for the administrator, who finds the API server at `server`.
    pub(crate) fn write_kubeconfig(&self, file: &Path, server: &str) -> Result<(), ClusterError> {
        private(file, &kubeconfig(server, &self.authority, &self.token))
    }
}

/// JSON is YAML, which is what kubectl reads.
fn kubeconfig(server: &str, authority: &Path, token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "portreeve",
        "contexts": [{"name": "portreeve", "context": {"cluster": "portreeve", "user": "admin"}}],
        "clusters": [{"name": "portreeve", "cluster": {
            "server": format!("https://{server}"),
            "certificate-authority": authority,
        }}],
        "users": [{"name": "admin", "user": {"token": token}}],
    });
    format!("{config:#}\n")
}

fn authority() -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "portreeve-cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok((certificate, Issuer::new(params, key)))
}

fn server() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(NAMES.map(String::from))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A file that nobody else may read.
pub(crate) fn private(path: &Path, text: &str) -> Result<(), ClusterError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(ClusterError::file(path))
}

/// 128 bits that nobody guesses.
fn random() -> Result<String, ClusterError> {
    const SOURCE: &str = "/dev/urandom";
    let mut bytes = [0; 16];
    let read = fs::File::open(SOURCE).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(ClusterError::file(SOURCE))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
