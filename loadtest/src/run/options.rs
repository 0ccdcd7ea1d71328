//! What `run` is told, and whether it makes sense.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Uri};

use super::failure::Failure;
use super::grpc;
use super::plan::{Plan, Protocol};
use super::report::Output;
use super::trust::{self, TrustError};

/// The options of `portreeve-loadtest run`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  portreeve-loadtest run http://127.0.0.1:8080/ --host www.my-site.com
  portreeve-loadtest run https://127.0.0.1:8443/ --host wear.my-site.com --insecure --http2 --streams 16
  portreeve-loadtest run grpc://127.0.0.1:8080 --host grpc.example.com --rate 500 --duration 10
  portreeve-loadtest run ws://127.0.0.1:8080/ --host chat.example.com --pid 4711 --output json")]
pub struct Options {
    /// Where to: http, https, ws, wss, grpc or grpcs, an address or name, and a path.
    pub url: Uri,

    /// Speak HTTP/2 to an http or https URL.
    #[arg(long)]
    pub http2: bool,

    /// Connections at a time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// Requests at a time on each connection of HTTP/2 and gRPC.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub streams: u32,

    /// Stop after so many requests. Without this and --duration, 1000.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub requests: Option<u64>,

    /// Stop after so many seconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub duration: Option<u64>,

    /// Start so many requests a second, however slow the answers are.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,

    /// Give up on a request after so many seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,

    /// The host to ask for, in Host, :authority and the TLS handshake; else the URL's.
    #[arg(long)]
    pub host: Option<String>,

    /// The method of HTTP requests.
    #[arg(long, default_value = "GET")]
    pub method: Method,

    /// Send so many bytes with each request or message.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=16_777_216))]
    pub body: u64,

    /// The status that is a success.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..600))]
    pub expect: u16,

    /// A new connection for every request.
    #[arg(long)]
    pub new_connections: bool,

    /// Accept any certificate.
    #[arg(long)]
    pub insecure: bool,

    /// Accept certificates issued by, or being, one of this PEM file.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,

    /// Report the CPU time of this process per request. May be given several times.
    #[arg(long)]
    pub pid: Vec<u32>,

    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// Why the options do not describe a load.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The URL lacks a scheme or a host, or the scheme is not one of ours.
    #[error(
        "{0} is not an URL to load; write one such as http://127.0.0.1:8080/ or grpcs://127.0.0.1:8443"
    )]
    Url(Uri),
    /// The host cannot be asked for.
    #[error("{0:?} cannot be asked for as a host")]
    Host(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The request cannot be built.
    #[error("the request cannot be built: {0}")]
    Request(Failure),
}

impl Options {
    /// The load to make.
    pub(super) fn plan(&self) -> Result<Plan, OptionsError> {
        let bad_url = || OptionsError::Url(self.url.clone());
        let scheme = self.url.scheme_str().unwrap_or_default();
        let (protocol, tls) = Protocol::of(scheme, self.http2).ok_or_else(bad_url)?;
        let connect = self.url.authority().ok_or_else(bad_url)?;
        let host = self.host.clone().unwrap_or_else(|| connect.as_str().into());
        let bad_host = |_| OptionsError::Host(host.clone());
        let authority: http::uri::Authority = host.parse().map_err(bad_host)?;
        let tls = match tls {
            true => Some(trust::connector(
                self.ca.as_deref(),
                self.insecure,
                protocol,
            )?),
            false => None,
        };
        let port = connect
            .port_u16()
            .unwrap_or(if tls.is_some() { 443 } else { 80 });
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Plan {
            address: (connect.host().trim_matches(['[', ']']).into(), port),
            tls,
            protocol,
            path: match (protocol, path) {
                (Protocol::Grpc, "/") => grpc::UNARY.into(),
                _ => path.into(),
            },
            authority,
            method: self.method.clone(),
            body: Bytes::from(vec![b'x'; usize::try_from(self.body).unwrap_or_default()]),
            expect: self.expect,
            connections: self.connections,
            streams: if protocol.shares_connections() {
                self.streams
            } else {
                1
            },
            new_connections: self.new_connections,
            requests: match (self.requests, self.duration) {
                (None, None) => 1000,
                (None, Some(_)) => u64::MAX,
                (Some(requests), _) => requests,
            },
            duration: self.duration.map(Duration::from_secs),
            rate: self.rate,
            timeout: Duration::from_secs(self.timeout),
        })
    }
}
