//! Every flag of the webhook, declared once: parsing, `--help` and `docs/admission-flags.md` come from
//! here and from what it has in common with the controller.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use portreeve_settings::{AcmeWanting, Settings};

use crate::missing::OnMissing;

const EXAMPLES: &str = "\
Examples:
  portreeve-admission --tls-cert /tls/tls.crt --tls-key /tls/tls.key
      In a cluster, with the Pod's own ServiceAccount.
  portreeve-admission --kubeconfig ~/.kube/config --listen 127.0.0.1:8443 \\
      --tls-cert tls.crt --tls-key tls.key
      Beside a cluster; then
      curl -k https://127.0.0.1:8443/validate -H 'content-type: application/json' -d @review.json";

/// Refuses bad Ingresses before they are stored, with the code that translates them.
#[derive(Clone, Debug, Parser)]
#[command(name = "portreeve-admission", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Options {
    /// What is watched, and how it is read.
    #[command(flatten)]
    pub settings: Settings,

    /// Which certificates may be wanted, as the controller is told.
    #[command(flatten)]
    pub acme: AcmeWanting,

    /// What becomes of an Ingress whose Service, or the port of it, does not exist: deny or warn.
    ///
    /// With `warn`, Ingresses can be applied before their Services.
    #[arg(
        long,
        value_name = "WHAT",
        env = "PORTREEVE_MISSING_SERVICES",
        default_value = "deny",
        help_heading = "Reviews"
    )]
    pub missing_services: OnMissing,

    /// Listen for the API server.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_ADMISSION_LISTEN",
        default_value = "0.0.0.0:8443",
        help_heading = "Reviews"
    )]
    pub listen: SocketAddr,

    /// The certificate that the API server is shown, PEM, leaf first; it is read anew when it
    /// changes.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_TLS_CERT",
        default_value = "/tls/tls.crt",
        help_heading = "Reviews"
    )]
    pub tls_cert: PathBuf,

    /// Its private key, PEM.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_TLS_KEY",
        default_value = "/tls/tls.key",
        help_heading = "Reviews"
    )]
    pub tls_key: PathBuf,

    /// Answer nobody who does not show a certificate of these authorities, PEM: for an API server
    /// that is configured to show one.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_CLIENT_CA",
        help_heading = "Reviews"
    )]
    pub client_ca: Option<PathBuf>,

    /// Listen for probes and metrics: /livez, /readyz, /healthz and /metrics.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_ADMIN",
        default_value = "127.0.0.1:10256",
        help_heading = "Operation"
    )]
    pub admin: SocketAddr,
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
    fn what_makes_no_sense_is_refused() {
        for wrong in ["--missing-services=perhaps", "--listen=x", "--admin=8443"] {
            let parsed = Options::try_parse_from(["portreeve-admission", wrong]);
            assert!(parsed.is_err(), "{wrong}");
        }
    }
}
