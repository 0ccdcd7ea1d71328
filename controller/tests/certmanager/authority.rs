//! A test authority, and the DNS server that it asks: every name there is leads to one proxy.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::net::TcpStream;

use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

pub(crate) struct Authority {
    /// Where its directory is.
    pub(crate) url: String,
    /// The certificate of its own server.
    pub(crate) pem: String,
    pub(crate) dns: SocketAddr,
    _processes: [Process; 2],
}

impl Authority {
    /// Starts it; `to` is where names lead.
    pub(crate) async fn start(place: &Place, to: IpAddr) -> Self {
        let (dns, acme) = (place.address(53, 53), place.address(14, 14000));
        let names = names(place, dns, to);
        let pem = identify(&place.folder, acme.ip());
        let authority = Self {
            url: format!("https://{acme}/dir"),
            pem,
            dns,
            _processes: [names, pebble(place, acme, dns)],
        };
        for address in [dns, acme] {
            until(&format!("{address} is listened on"), async || {
                TcpStream::connect(address).await.is_ok()
            })
            .await;
        }
        authority
    }
}

fn names(place: &Place, dns: SocketAddr, to: IpAddr) -> Process {
    let mut arguments = ["http01", "https01", "tlsalpn01", "doh", "defaultIPv6"]
        .map(|other| format!("-{other}="))
        .to_vec();
    arguments.push(format!("-defaultIPv4={to}"));
    arguments.push(format!("-dnsserver={dns}"));
    arguments.push(format!("-management={}", place.address(53, 8055)));
    let log = place.folder.join("names.log");
    Process::run(&tool("pebble-challtestsrv"), &arguments, &log)
}

/// It asks at once, and again for every order: by default it waits for some seconds, and takes half
/// of all names for proven that were so before.
fn pebble(place: &Place, acme: SocketAddr, dns: SocketAddr) -> Process {
    let file = place.folder.join("authority.json");
    let configuration = json!({"pebble": {
        "listenAddress": acme,
        "managementListenAddress": place.address(14, 15000),
        "certificate": place.folder.join("authority.crt"),
        "privateKey": place.folder.join("authority.key"),
        "httpPort": 80,
        "tlsPort": 443,
        "retryAfter": {"authz": 1, "order": 1},
        "keyAlgorithm": "ecdsa",
    }});
    std::fs::write(&file, configuration.to_string()).unwrap();
    let arguments = [
        "PEBBLE_VA_NOSLEEP=1".to_owned(),
        "PEBBLE_AUTHZREUSE=0".to_owned(),
        tool("pebble").display().to_string(),
        format!("-config={}", file.display()),
        format!("-dnsserver={dns}"),
    ];
    let log = place.folder.join("authority.log");
    Process::run(Path::new("env"), &arguments, &log)
}

/// Makes the certificate of its server, whose files it reads.
fn identify(folder: &Path, ip: IpAddr) -> String {
    let made = rcgen::generate_simple_self_signed([ip.to_string()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(folder.join("authority.crt"), &pem).unwrap();
    std::fs::write(folder.join("authority.key"), key).unwrap();
    pem
}

/// A program that `loadtest/tools` builds.
fn tool(name: &str) -> PathBuf {
    built("PORTREEVE_TOOLS", name)
}

/// What one of the scripts in `loadtest` has built; the variable says where.
pub(crate) fn built(variable: &str, name: &str) -> PathBuf {
    let folder = std::env::var_os(variable);
    let folder = folder.unwrap_or_else(|| panic!("{name} is needed: make test builds it"));
    PathBuf::from(folder).join(name)
}
