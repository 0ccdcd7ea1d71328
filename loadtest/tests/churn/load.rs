//! The clients: what they ask for, over what, and how often.

use std::net::SocketAddr;
use std::path::Path;

use clap::Parser;
use portreeve_loadtest::run::{Options, Report, Running, measure};

/// 32 connections of HTTP/1.1 and 4 of HTTP/2, half of each over TLS, and a WebSocket.
///
/// What is posted cannot be sent a second time, so nothing is mended by trying again.
const CLIENTS: [&str; 12] = [
    "http://{http}/ --host used.example --connections 8 --rate 400",
    "http://{http}/ --host used.example --connections 4 --rate 200 --method POST --body 3000",
    "http://{http}/ --host mounted.example --connections 2 --rate 100",
    "http://{http}/ --host rewritten.example --connections 2 --rate 100",
    "https://{https}/ --host used.example --connections 8 --rate 400 --insecure",
    "https://{https}/ --host used.example --connections 4 --rate 200 --insecure --method POST --body 3000",
    "https://{https}/ --host mounted.example --connections 2 --rate 100 --insecure",
    "https://{https}/ --host rewritten.example --connections 2 --rate 100 --insecure",
    "http://{http}/ --host used.example --connections 2 --http2 --streams 4 --rate 200",
    "https://{https}/ --host used.example --connections 1 --http2 --streams 4 --rate 100 --insecure",
    "https://{https}/ --host used.example --connections 1 --http2 --streams 4 --rate 100 --insecure --method POST --body 3000",
    "ws://{http}/ --host socket.example --connections 1 --rate 50 --body 300",
];

/// How many connections they have.
pub(crate) const CONNECTIONS: u64 = 37;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

fn options(line: &str, http: SocketAddr, https: SocketAddr) -> Options {
    let line = line.replace("{http}", &http.to_string());
    let line = line.replace("{https}", &https.to_string());
    let words = format!("run {line} --duration 600");
    Cli::try_parse_from(words.split(' ')).unwrap().options
}

/// All clients, under way.
pub(crate) struct Load(Vec<(&'static str, Running)>);

impl Load {
    pub(crate) fn start(http: SocketAddr, https: SocketAddr) -> Self {
        let start = |line| Running::start(&options(line, http, https)).unwrap();
        Self(CLIENTS.map(|line| (line, start(line))).into())
    }

    /// How many requests have ended.
    pub(crate) fn requests(&self) -> u64 {
        self.0.iter().map(|(_, running)| running.requests()).sum()
    }

    pub(crate) async fn stop(self) -> Vec<(&'static str, Report)> {
        let mut reports = Vec::new();
        for (line, running) in self.0 {
            reports.push((line, running.stop().await.unwrap()));
        }
        reports
    }
}

/// Whether a new connection is served with the certificate in `file`, and no other.
pub(crate) async fn is_served_with(file: &Path, https: SocketAddr, host: &str) -> bool {
    let file = file.to_str().unwrap();
    let line = format!("https://{https}/ --host {host} --requests 1 --connections 1 --ca {file}");
    let report = measure(&options(&line, https, https)).await.unwrap();
    report.failed == 0
}
