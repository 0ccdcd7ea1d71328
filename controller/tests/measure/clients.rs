//! Clients that make requests all the while, each a process: they take no time of whoever measures.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::figures::Figures;
use crate::place::Place;
use crate::process::binary;

/// How many requests a second each kind of client makes.
const RATE: u32 = 125;

/// A kind of client: what it is called, and what `portreeve-loadtest run` is told.
pub(crate) struct Client {
    name: &'static str,
    line: String,
}

impl Client {
    /// Asks a proxy for the host of an Ingress; `line` ends with the scheme.
    pub(crate) fn new(
        name: &'static str,
        line: &str,
        address: SocketAddr,
        (place, ingress): (&Place, &str),
    ) -> Self {
        let host = place.host(ingress);
        let line = format!("--host {host} {line}://{address}/");
        Self { name, line }
    }
}

pub(crate) struct Clients {
    running: Vec<(&'static str, Child)>,
    since: Instant,
}

impl Clients {
    pub(crate) fn start(clients: impl IntoIterator<Item = Client>) -> Self {
        let start = |Client { name, line }| {
            let line =
                format!("run --output json --duration 3600 --rate {RATE} --timeout 10 {line}");
            let mut command = Command::new(binary("portreeve-loadtest"));
            command
                .args(line.split(' '))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .kill_on_drop(true);
            (name, command.spawn().unwrap())
        };
        Self {
            running: clients.into_iter().map(start).collect(),
            since: Instant::now(),
        }
    }

    /// Goes on until at least so many requests were made, then stops; none may have failed.
    pub(crate) async fn stop(self, requests: u64, what: &str, figures: &mut Figures) {
        let rate = RATE * u32::try_from(self.running.len()).unwrap();
        let enough = Duration::from_secs(requests) / rate + Duration::from_secs(1);
        sleep(enough.saturating_sub(self.since.elapsed())).await;
        let mut made = 0;
        for (name, client) in self.running {
            let pid = client.id().expect("clients end when they are told to");
            let told = Command::new("kill").arg(pid.to_string()).status().await;
            assert!(told.unwrap().success());
            let output = client.wait_with_output().await.unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            made += report["requests"].as_u64().unwrap();
            let failed = report["failed"].as_u64().unwrap();
            if failed > 0 {
                println!("{name}: {}", report["failures"]);
            }
            figures.count(format!("{what}: failed requests, {name}"), failed, Some(0));
        }
        figures.count(format!("{what}: requests"), made, None);
        assert!(made >= requests, "{made} requests");
    }
}
