//! A test CA, and the DNS server that it asks: every name there is leads to one proxy.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::chain::{Chain, anybody};
use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

pub(crate) struct Authority {
    /// Where its directory is.
    pub(crate) url: String,
    /// The file with the certificate of its own server.
    pub(crate) ca_file: PathBuf,
    management: SocketAddr,
    log: PathBuf,
    _processes: [Process; 2],
}

impl Authority {
    /// Starts it; `to` is where names lead.
    pub(crate) async fn start(place: &Place, to: IpAddr) -> Self {
        let (dns, acme) = (place.address(53, 53), place.address(14, 14000));
        let management = place.address(14, 15000);
        let ca_file = identify(&place.folder, acme.ip());
        let authority = Self {
            url: format!("https://{acme}/dir"),
            ca_file,
            management,
            log: place.folder.join("authority.log"),
            _processes: [names(place, dns, to), pebble(place, acme, dns)],
        };
        for address in [dns, acme, management] {
            until(&format!("{address} is listened on"), async || {
                TcpStream::connect(address).await.is_ok()
            })
            .await;
        }
        authority
    }

    /// How many orders were ever made.
    pub(crate) fn orders(&self) -> usize {
        let log = fs::read_to_string(&self.log).unwrap();
        log.matches("Added order").count()
    }

    /// Has a certificate renewed now, as far as it is asked (RFC 9773).
    pub(crate) async fn wants_renewed(&self, chain: &Chain) {
        let ago = |hours| (Timestamp::now() - SignedDuration::from_hours(hours)).to_string();
        let window = json!({"suggestedWindow": {"start": ago(2), "end": ago(1)}});
        let body = json!({"Certificate": chain.leaf_pem(), "ARIResponse": window.to_string()});
        let stream = TcpStream::connect(self.management).await.unwrap();
        let name = self.management.ip().into();
        let stream = anybody().connect(name, stream).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(connection);
        let request = Request::post("/set-renewal-info/").header("host", "authority");
        let request = request.header("user-agent", "portreeve-tests");
        let request = request.body(Full::<Bytes>::from(body.to_string())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status();
        let said = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, StatusCode::OK, "{said:?}");
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
        "retryAfter": {"authz": 0, "order": 0},
        "keyAlgorithm": "ecdsa",
        "profiles": {"default": {"description": "90 days", "validityPeriod": 7_776_000}},
    }});
    fs::write(&file, configuration.to_string()).unwrap();
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
fn identify(folder: &Path, ip: IpAddr) -> PathBuf {
    let made = rcgen::generate_simple_self_signed([ip.to_string()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let file = folder.join("authority.crt");
    fs::write(&file, pem).unwrap();
    fs::write(folder.join("authority.key"), key).unwrap();
    file
}

/// A program that `loadtest/tools` builds.
fn tool(name: &str) -> PathBuf {
    let folder = std::env::var_os("PORTREEVE_TOOLS");
    let folder = folder.unwrap_or_else(|| panic!("{name} is needed: make test builds it"));
    PathBuf::from(folder).join(name)
}
