//! Every flag of the proxy, declared once: parsing, `--help` and `docs/flags.md` come from here.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use portreeve_acme::AcmeSettings;

use crate::accesslog::Format;
use crate::listen;

const EXAMPLES: &str = "\
Examples:
  portreeve-proxy --manifests examples/quickstart
      Serve a directory on ports 8080 and 8443 of every address.
  portreeve-proxy --controller controller.portreeve.svc:9443 --identity /identity --cache /cache
      Serve what a controller in the cluster says.
  portreeve-proxy --manifests DIR --http 127.0.0.1:8080 --https none
      Only plain HTTP, only for this machine.
  portreeve-proxy --manifests DIR --http 80 --https 443 --workers 4 --access-log json
      As a server, with one JSON object a request on standard output.
  portreeve-proxy --manifests DIR --http 80 --https 443 --acme-dir /var/lib/portreeve/acme \\
      --acme-directory letsencrypt --acme-email admin@example.com
      As a server with certificates of its own for every Ingress with portreeve.dev/acme.";

/// Routes HTTP, HTTP/2, gRPC, WebSocket and TLS as Kubernetes Ingress objects say.
#[derive(Clone, Debug, Parser)]
#[command(name = "portreeve-proxy", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Options {
    /// Serve the Kubernetes manifests in this directory, and follow its changes.
    ///
    /// Reads *.yaml, *.yml and *.json below it: Ingress, IngressClass, Service, EndpointSlice,
    /// Secret and ConfigMap. Other kinds are passed over.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_MANIFESTS",
        required_unless_present = "controller",
        help_heading = "Configuration"
    )]
    pub manifests: Option<PathBuf>,

    /// Serve what this controller says; can be given more than once, and a name may stand for many.
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "PORTREEVE_CONTROLLER",
        value_delimiter = ',',
        conflicts_with = "manifests",
        requires = "identity",
        help_heading = "Configuration"
    )]
    pub controller: Vec<String>,

    /// Show the controller the certificate in this directory: ca.crt, tls.crt and tls.key.
    ///
    /// It may come later than the proxy, and be replaced.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_IDENTITY",
        help_heading = "Configuration"
    )]
    pub identity: Option<PathBuf>,

    /// Keep the last configuration in this directory, and serve it after a restart until a
    /// controller is there.
    ///
    /// It holds private keys: choose one that is in memory only.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_CACHE",
        help_heading = "Configuration"
    )]
    pub cache: Option<PathBuf>,

    /// What this proxy is called in the controller's lists; by default the name of the machine.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTREEVE_NODE",
        help_heading = "Configuration"
    )]
    pub node: Option<String>,

    /// Serve Ingresses of this class; can be given more than once.
    ///
    /// Ingresses without a class, and those whose IngressClass names one of our controllers, are
    /// always served.
    #[arg(
        long = "ingress-class",
        value_name = "NAME",
        env = "PORTREEVE_INGRESS_CLASS",
        value_delimiter = ',',
        default_values = ["portreeve", "nginx"],
        help_heading = "Configuration"
    )]
    pub ingress_class: Vec<String>,

    /// How Ingresses without an IngressClass object are read.
    #[arg(
        long,
        value_name = "PROFILE",
        env = "PORTREEVE_PROFILE",
        default_value = "standard",
        help_heading = "Configuration"
    )]
    pub profile: Profile,

    /// Ask this DNS server for external names, instead of the system's.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_DNS",
        help_heading = "Configuration"
    )]
    pub dns: Option<SocketAddr>,

    /// Keep the ACME account, certificates and their keys in this directory, and serve what is there.
    ///
    /// It is made if it is not there, is for one proxy alone, and must not lie below --manifests.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_ACME_DIR",
        help_heading = "ACME"
    )]
    pub acme_dir: Option<PathBuf>,

    /// Which certificates are ordered, and how.
    #[command(flatten)]
    pub acme: AcmeSettings,

    /// Listen for HTTP and HTTP/2 with prior knowledge; can be given more than once.
    ///
    /// An address with its port such as 127.0.0.1:8080 or `[::1]:8080`, a port of every address, or
    /// none. Port 0 takes a free one and says which.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_HTTP",
        value_delimiter = ',',
        default_value = "8080",
        help_heading = "Listeners"
    )]
    pub http: Vec<Listen>,

    /// Listen for HTTP and HTTP/2 over TLS; can be given more than once.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_HTTPS",
        value_delimiter = ',',
        default_value = "8443",
        help_heading = "Listeners"
    )]
    pub https: Vec<Listen>,

    /// Listen for probes and metrics: /livez, /readyz, /healthz, /metrics and /config.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_ADMIN",
        default_value = "127.0.0.1:10254",
        help_heading = "Listeners"
    )]
    pub admin: Listen,

    /// Serve with this many threads, by default one for each available core.
    #[arg(
        long,
        value_name = "N",
        env = "PORTREEVE_WORKERS",
        help_heading = "Resources"
    )]
    pub workers: Option<NonZeroUsize>,

    /// Answer 503 to clients above this many connections.
    ///
    /// By default four fifths of the process' limit of open files, less what is needed elsewhere.
    #[arg(
        long,
        value_name = "N",
        env = "PORTREEVE_MAX_CONNECTIONS",
        help_heading = "Resources"
    )]
    pub max_connections: Option<NonZeroUsize>,

    /// Close a connection that has not said anything, or not finished its TLS handshake, by then.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_HANDSHAKE_TIMEOUT",
        default_value = "10",
        value_parser = seconds,
        help_heading = "Client limits"
    )]
    pub handshake_timeout: Duration,

    /// Answer 408 to a request whose head takes longer than this.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_CLIENT_HEADER_TIMEOUT",
        default_value = "10",
        value_parser = seconds,
        help_heading = "Client limits"
    )]
    pub client_header_timeout: Duration,

    /// Answer 408 to a request when nothing of its body comes for this long.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_CLIENT_BODY_TIMEOUT",
        default_value = "60",
        value_parser = seconds,
        help_heading = "Client limits"
    )]
    pub client_body_timeout: Duration,

    /// Close a connection, or reset a stream, when the client takes nothing for this long.
    ///
    /// Over HTTP/2, where a client says how much it takes, less than 16 KiB of a stream is nothing.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_CLIENT_SEND_TIMEOUT",
        default_value = "60",
        value_parser = seconds,
        help_heading = "Client limits"
    )]
    pub client_send_timeout: Duration,

    /// Close a connection that has been without a request for this long.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_KEEP_ALIVE_TIMEOUT",
        default_value = "75",
        value_parser = seconds,
        help_heading = "Client limits"
    )]
    pub keep_alive_timeout: Duration,

    /// Log each request to standard output.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "PORTREEVE_ACCESS_LOG",
        default_value = "nginx",
        help_heading = "Logging"
    )]
    pub access_log: Format,

    /// Go on accepting for this many seconds after SIGTERM, while load balancers take note.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_DRAIN_DELAY",
        default_value = "10",
        value_parser = seconds,
        help_heading = "Stopping"
    )]
    pub drain_delay: Duration,

    /// Let requests finish for this many seconds after that, then cut them.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_DRAIN_TIMEOUT",
        default_value = "30",
        value_parser = seconds,
        help_heading = "Stopping"
    )]
    pub drain_timeout: Duration,
}

impl Options {
    /// What this proxy is called.
    pub(crate) fn node(&self) -> String {
        let given = self.node.clone();
        given.unwrap_or_else(|| {
            let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
            name.map_or_else(|_| "proxy".into(), |name| name.trim().into())
        })
    }
}

/// How an Ingress is read where the API and ingress-nginx disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// By the letter of the Kubernetes API.
    Standard,
    /// As ingress-nginx did.
    Nginx,
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Nowhere,
    /// On a port of every address.
    Port(u16),
    /// On one address.
    Address(SocketAddr),
}

impl Listen {
    /// The addresses to bind.
    pub(crate) fn addresses(self) -> Vec<SocketAddr> {
        match self {
            Self::Nowhere => Vec::new(),
            Self::Port(port) => listen::all_addresses(port),
            Self::Address(address) => vec![address],
        }
    }

    /// The same, but a bare port is one of the loopback address: for what is not the public's.
    pub(crate) fn loopback(self) -> Option<SocketAddr> {
        match self {
            Self::Nowhere => None,
            Self::Port(port) => Some((Ipv4Addr::LOCALHOST, port).into()),
            Self::Address(address) => Some(address),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        let bare = text.strip_prefix(':').unwrap_or(text);
        if let Ok(port) = bare.parse() {
            return Ok(Self::Port(port));
        }
        text.parse().map(Self::Address).map_err(|_| {
            "write ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, a port alone for every address, or none".into()
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse();
    let seconds: u32 = seconds.map_err(|_| "write a whole number of seconds, such as 10")?;
    Ok(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn an_address_is_read_in_each_of_its_forms() {
        for (text, expected) in [
            ("none", Listen::Nowhere),
            ("8080", Listen::Port(8080)),
            (":8080", Listen::Port(8080)),
            (
                "127.0.0.1:0",
                Listen::Address("127.0.0.1:0".parse().unwrap()),
            ),
            ("[::1]:80", Listen::Address("[::1]:80".parse().unwrap())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "localhost:80", "70000", "1.2.3.4"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_flag_can_be_given_by_the_environment() {
        for argument in Options::command().get_arguments() {
            let name = argument.get_id().as_str();
            if !matches!(name, "help" | "version") {
                let env = argument.get_env().and_then(|env| env.to_str());
                assert_eq!(env, Some(&*format!("PORTREEVE_{}", name.to_uppercase())));
            }
        }
    }
}
