//! Pebble, the CA that Let's Encrypt makes for tests of clients, and the DNS that it asks.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use portreeve_acme::CaSettings;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use x509_parser::parse_x509_certificate;

use super::process::{Process, free};

/// How many were started, so that each has a folder of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// What a pebble is like.
pub(crate) struct Setup {
    /// Where it looks for answers to HTTP-01 and TLS-ALPN-01, on 127.0.0.1.
    pub(crate) ports: [u16; 2],
    /// How many nonces in a hundred it refuses.
    pub(crate) nonce_reject: u8,
    /// How many authorizations in a hundred it takes for proven that were so before.
    pub(crate) authz_reuse: u8,
    /// How many chains it offers beside its own.
    pub(crate) alternate_roots: u8,
    /// The key of the external account `kid-1` that it demands, in base64url.
    pub(crate) external: Option<&'static str>,
}

impl Setup {
    /// A pebble without whims that looks for answers at `ports`.
    pub(crate) fn new(ports: [u16; 2]) -> Self {
        Self {
            ports,
            nonce_reject: 0,
            authz_reuse: 0,
            alternate_roots: 0,
            external: None,
        }
    }

    fn config(
        &self,
        listen: SocketAddr,
        management: SocketAddr,
        folder: &std::path::Path,
    ) -> Value {
        let keys: serde_json::Map<_, _> = self
            .external
            .iter()
            .map(|key| ("kid-1".to_owned(), json!(key)))
            .collect();
        json!({"pebble": {
            "listenAddress": listen.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": folder.join("cert.pem"),
            "privateKey": folder.join("key.pem"),
            "httpPort": self.ports[0],
            "tlsPort": self.ports[1],
            "externalAccountBindingRequired": self.external.is_some(),
            "externalAccountMACKeys": keys,
            "domainBlocklist": ["blocked.example"],
            "retryAfter": {"authz": 0, "order": 0},
            "keyAlgorithm": "ecdsa",
            "profiles": {
                "default": {"description": "90 days", "validityPeriod": 7_776_000},
                "shortlived": {"description": "6 days", "validityPeriod": 518_400},
            },
        }})
    }
}

/// A pebble that runs, and its DNS, which says 127.0.0.1 to everything.
pub(crate) struct Pebble {
    _ca: Process,
    _dns: Process,
    listen: SocketAddr,
    management: SocketAddr,
    /// By which its HTTPS is believed, as PEM.
    pub(crate) root: String,
}

impl Pebble {
    /// Starts one, and resolves when it answers.
    pub(crate) async fn start(setup: &Setup) -> Self {
        let [dns_at, dns_management, listen, management] = [free(), free(), free(), free()];
        let dns = dns(dns_at, dns_management).await;
        let folder = folder();
        let (root, cert, key) = identity();
        fs::write(folder.join("cert.pem"), cert).unwrap();
        fs::write(folder.join("key.pem"), key).unwrap();
        let config = folder.join("pebble.json");
        fs::write(
            &config,
            setup.config(listen, management, &folder).to_string(),
        )
        .unwrap();
        let command = |command: &mut std::process::Command| {
            command
                .arg("-strict")
                .arg("-config")
                .arg(&config)
                .args(["-dnsserver", &dns_at.to_string()])
                .env("PEBBLE_VA_NOSLEEP", "1")
                .env("PEBBLE_WFE_NONCEREJECT", setup.nonce_reject.to_string())
                .env("PEBBLE_AUTHZREUSE", setup.authz_reuse.to_string())
                .env("PEBBLE_ALTERNATE_ROOTS", setup.alternate_roots.to_string());
        };
        let ca = Process::start("pebble", command, &[listen, management]).await;
        Self {
            _ca: ca,
            _dns: dns,
            listen,
            management,
            root,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The URL of its directory.
    pub(crate) fn directory(&self) -> String {
        format!("https://{}/dir", self.listen)
    }

    /// The URL of one of its roots.
    pub(crate) fn root_url(&self, number: u8) -> String {
        format!("https://{}/roots/{number}", self.management)
    }

    /// Settings that lead to it.
    pub(crate) fn settings(&self) -> CaSettings {
        let mut settings = CaSettings::new(&self.directory());
        settings.roots = Some(self.root.as_str().into());
        settings.emails = vec!["admin@shop.example".into()];
        settings
    }
}

async fn dns(at: SocketAddr, management: SocketAddr) -> Process {
    let command = |command: &mut std::process::Command| {
        command
            .args(["-dnsserver", &at.to_string()])
            .args(["-management", &management.to_string()])
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]);
    };
    Process::start("pebble-challtestsrv", command, &[at, management]).await
}

fn folder() -> PathBuf {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let name = format!("pebble-{}-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A root, and a certificate and key for 127.0.0.1 by it, as PEM.
pub(crate) fn identity() -> (String, String, String) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.distinguished_name
        .push(DnType::CommonName, "Root of a test");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    (root_pem, leaf.pem(), key.serialize_pem())
}

/// Whom a certificate (PEM) is for.
pub(crate) fn common_name(pem: &str) -> String {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let (_, certificate) = parse_x509_certificate(&der).unwrap();
    let name = certificate.subject().iter_common_name().next().unwrap();
    name.as_str().unwrap().to_owned()
}

/// Who signed the certificates of a chain.
pub(crate) fn issuers(chain: &str) -> Vec<String> {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes());
    let issuer = |der: CertificateDer<'_>| {
        let (_, certificate) = parse_x509_certificate(&der).unwrap();
        let name = certificate.issuer().iter_common_name().next().unwrap();
        name.as_str().unwrap().to_owned()
    };
    certificates.map(|der| issuer(der.unwrap())).collect()
}
