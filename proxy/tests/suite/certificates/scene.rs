//! A CA, and a proxy on addresses that the CA knows.

use std::net::SocketAddr;
use std::process::Command;

use super::pebble::{Pebble, Setup};
use super::process::free;
use crate::harness::{Dir, Ingress, Proxy, Started, TlsClient, wait_until};

pub const HOST: &str = "shop.example";
/// The directory of a CA that is not there.
pub const CA_IS_DOWN: &str = "https://127.0.0.1:1/dir";

/// One that wants a certificate.
pub fn ingress() -> Ingress {
    Ingress::new("web")
        .host(HOST, "s")
        .tls(HOST, "web-tls")
        .annotate_whole("portreeve.dev/acme", "true")
}

/// A CA that asks at these addresses, and where proxies keep what they need.
pub struct Scene {
    pub pebble: Pebble,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub state: Dir,
}

impl Scene {
    /// With a CA that is as `change` makes it.
    pub async fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let (http, https) = (free(), free());
        let mut setup = Setup::new([http.port(), https.port()]);
        change(&mut setup);
        let pebble = Pebble::start(&setup).await;
        let state = Dir::new();
        state.write("root.pem", &pebble.root);
        Self {
            pebble,
            http,
            https,
            state,
        }
    }

    /// A proxy that orders from this CA.
    pub fn proxy(&self) -> Proxy {
        self.proxy_of(&self.pebble.directory(), &self.http.to_string())
    }

    /// One that orders from the CA of this directory, and takes plain requests there.
    pub fn proxy_of(&self, directory: &str, http: &str) -> Proxy {
        let in_state = |name: &str| self.state.path().join(name).to_str().unwrap().to_string();
        Proxy::new()
            .arg("--http", http)
            .arg("--https", &self.https.to_string())
            .arg("--acme-dir", &in_state("acme"))
            .arg("--acme-ca-file", &in_state("root.pem"))
            .arg("--acme-directory", directory)
            .arg("--acme-email", "admin@shop.example")
            .arg("--acme-ask-every", "1")
    }

    /// What is shown to who asks for the host.
    pub fn shown(&self) -> Vec<u8> {
        TlsClient::connect(self.https, Some(HOST), &[]).certificate()
    }

    /// Waits until that is the CA's.
    pub fn issued(&self, proxy: &Started) -> Vec<u8> {
        wait_until("a certificate of the CA", || {
            assert!(!proxy.said().contains("failed (Acme"), "{}", proxy.said());
            is_of_ca(&self.shown())
        });
        self.shown()
    }

    /// What is kept, as the chain's PEM.
    pub fn chain(&self) -> String {
        let path = "acme/manifests/certificate.t.web-tls.json";
        let text = std::fs::read_to_string(self.state.path().join(path)).unwrap();
        let secret: serde_json::Value = serde_json::from_str(&text).unwrap();
        let encoded = secret["data"]["tls.crt"].as_str().unwrap();
        let mut base64 = Command::new("sh");
        base64.args(["-c", "printf %s \"$0\" | base64 -d", encoded]);
        String::from_utf8(base64.output().unwrap().stdout).unwrap()
    }

    /// Has the CA say that what is kept is to be renewed now.
    pub fn renew(&self) {
        let window = serde_json::json!({"suggestedWindow": {
            "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z",
        }});
        let body = serde_json::json!({
            "certificate": self.chain(), "ariResponse": window.to_string(),
        });
        let url = self.pebble.root_url(0);
        let url = url.replace("/roots/0", "/set-renewal-info/");
        let mut curl = Command::new("curl");
        curl.args(["-skf", "-X", "POST", "--data", &body.to_string(), &url]);
        assert!(curl.status().unwrap().success());
    }
}

/// Whether a certificate is one of pebble's.
pub fn is_of_ca(der: &[u8]) -> bool {
    let issuer = b"Pebble Intermediate";
    der.windows(issuer.len()).any(|part| part == issuer)
}
