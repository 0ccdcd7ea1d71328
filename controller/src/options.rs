//! Every flag of the controller, declared once: parsing, `--help` and `docs/controller-flags.md`
//! come from here. What ingress-nginx has too has its name, its default and its meaning.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Parser};
use portreeve_acme::AcmeSettings;
use portreeve_settings::Settings;
use portreeve_table::Forbidden;
use portreeve_translate::ObjectKey;

use crate::losses::Limit;

const EXAMPLES: &str = "\
Examples:
  portreeve-controller
      In a cluster, with the Pod's own ServiceAccount.
  portreeve-controller --kubeconfig ~/.kube/config --pki-dir /tmp/pki --config-listen 127.0.0.1:9443
      Beside a cluster; a proxy connects with
      portreeve-proxy --controller 127.0.0.1:9443 --identity /tmp/pki/proxy";

/// Watches Kubernetes, compiles what its Ingress objects say and pushes it to proxies.
#[derive(Clone, Debug, Parser)]
#[command(name = "portreeve-controller", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Options {
    /// What is watched, and how it is read.
    #[command(flatten)]
    pub settings: Settings,

    /// Hold back a change that takes away more than this share of the routes that serve, in
    /// percent; 100 holds nothing back.
    ///
    /// A change that takes away fewer than 50 of them is never held back, and no change of endpoints.
    #[arg(
        long,
        value_name = "PERCENT",
        env = "PORTREEVE_HOLD_LOSSES_ABOVE",
        default_value_t = 50,
        value_parser = clap::value_parser!(u8).range(0..=100),
        help_heading = "Translation"
    )]
    pub hold_losses_above: u8,

    /// Hold it back for this long, and publish it if it is still so then.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_HOLD_LOSSES_FOR",
        default_value = "10s",
        value_parser = seconds,
        help_heading = "Translation"
    )]
    pub hold_losses_for: Duration,

    /// Write these addresses or names into the status of Ingresses; can be given more than once.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_PUBLISH_STATUS_ADDRESS",
        value_delimiter = ',',
        conflicts_with = "publish_service",
        help_heading = "Status"
    )]
    pub publish_status_address: Vec<String>,

    /// Write the addresses of this Service into the status of Ingresses.
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        env = "PORTREEVE_PUBLISH_SERVICE",
        value_parser = object_key,
        help_heading = "Status"
    )]
    pub publish_service: Option<ObjectKey>,

    /// Write the internal addresses of the Nodes that run proxies, not the external ones.
    ///
    /// Addresses of Nodes are written when neither --publish-status-address nor --publish-service
    /// is given.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_REPORT_NODE_INTERNAL_IP_ADDRESS", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "Status")]
    pub report_node_internal_ip_address: bool,

    /// Which Pods of the controller's namespace are proxies, by their labels: their Nodes' addresses
    /// are written.
    #[arg(
        long,
        value_name = "SELECTOR",
        env = "PORTREEVE_PROXY_SELECTOR",
        default_value = "app.kubernetes.io/name=portreeve,app.kubernetes.io/component=proxy",
        help_heading = "Status"
    )]
    pub proxy_selector: String,

    /// Write the status of Ingresses.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_UPDATE_STATUS", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set, help_heading = "Status")]
    pub update_status: bool,

    /// Clear the status of Ingresses when the last controller stops.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_UPDATE_STATUS_ON_SHUTDOWN", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set, help_heading = "Status")]
    pub update_status_on_shutdown: bool,

    /// Elect the controller that writes by the Lease of this name.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTREEVE_ELECTION_ID",
        default_value = "ingress-controller-leader",
        help_heading = "Leadership"
    )]
    pub election_id: String,

    /// Let another controller take over when the one that writes has been silent for this long.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "PORTREEVE_ELECTION_TTL",
        default_value = "30s",
        value_parser = seconds,
        help_heading = "Leadership"
    )]
    pub election_ttl: Duration,

    /// Write without an election: for a controller that is the only one.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_DISABLE_LEADER_ELECTION", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "Leadership")]
    pub disable_leader_election: bool,

    /// What this controller is called among its siblings.
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAME",
        default_value_t = hostname(),
        hide_default_value = true,
        help_heading = "Leadership"
    )]
    pub name: String,

    /// Listen for proxies.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_CONFIG_LISTEN",
        default_value = "0.0.0.0:9443",
        help_heading = "Proxies"
    )]
    pub config_listen: SocketAddr,

    /// Keep the certificates of controllers, proxies and the admission webhook in this directory
    /// instead of in Secrets.
    ///
    /// A proxy's `--identity` is the directory `proxy` below it, and the webhook's files are in
    /// `admission`.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_PKI_DIR",
        help_heading = "Proxies"
    )]
    pub pki_dir: Option<PathBuf>,

    /// Tell the API server by which authorities the admission webhook's certificate may be: in the
    /// ValidatingWebhookConfiguration of this name, unless cert-manager does.
    ///
    /// With an empty name, it is told nothing.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTREEVE_ADMISSION_WEBHOOK_CONFIGURATION",
        default_value = "portreeve-admission",
        help_heading = "Admission webhook"
    )]
    pub admission_webhook_configuration: String,

    /// Certificates by ACME.
    #[command(flatten)]
    pub acme: AcmeSettings,

    /// Ask the proxies behind this Service whether they answer challenges, before a CA is told to look.
    ///
    /// By default those of --publish-service. Without either, it is known only of proxies that are
    /// connected to the controller that leads.
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        env = "PORTREEVE_ACME_SERVICE",
        value_parser = object_key,
        help_heading = "ACME"
    )]
    pub acme_service: Option<ObjectKey>,

    /// Listen for probes and metrics: /livez, /readyz, /healthz, /metrics and /debug.
    #[arg(
        long,
        value_name = "ADDR",
        env = "PORTREEVE_ADMIN",
        default_value = "127.0.0.1:10255",
        help_heading = "Operation"
    )]
    pub admin: SocketAddr,
}

impl Options {
    /// What is too great a loss to be believed at once.
    pub(crate) fn loss_limit(&self) -> Limit {
        Limit {
            percent: self.hold_losses_above,
            hold: self.hold_losses_for,
        }
    }

    /// What a translation depends on.
    pub fn translation(&self) -> portreeve_translate::Options {
        let mut translation = self.settings.translation();
        let allowed = self.acme.acme_allow.iter();
        let allowed = allowed.map(|it| (it.namespace.to_string(), it.hosts.clone()));
        translation.acme = self.acme.is_on();
        translation.tls_acme = self.acme.acme_tls_acme;
        translation.acme_allowed = allowed.collect();
        // Not to our own listeners where their addresses are given.
        let own = [self.config_listen, self.admin];
        for own in own.iter().filter(|own| !own.ip().is_unspecified()) {
            translation.targets.deny((*own).into(), Forbidden::Own);
        }
        translation
    }

    /// The Service whose proxies are asked whether they answer challenges.
    pub(crate) fn asked_service(&self) -> Option<&ObjectKey> {
        self.acme_service.as_ref().or(self.publish_service.as_ref())
    }
}

/// The name of this machine, which in a Pod is the Pod's.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "controller".into(), |name| name.trim().into())
}

fn object_key(text: &str) -> Result<ObjectKey, String> {
    let (namespace, name) = text
        .split_once('/')
        .ok_or("write NAMESPACE/NAME, such as portreeve/proxy")?;
    Ok(ObjectKey::new(namespace, name))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    match u32::from_str(number) {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("write a whole number of seconds above 0, such as 30s".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use portreeve_table::Targets;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let program = ["portreeve-controller"];
        Options::try_parse_from(program.iter().chain(arguments))
    }

    #[test]
    fn the_flags_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn switches_are_written_as_ingress_nginx_writes_them() {
        let given = parse(&["--update-status=false", "--disable-leader-election"]).unwrap();
        assert!(!given.update_status && given.disable_leader_election);
        assert!(parse(&["--update-status=perhaps"]).is_err());
    }

    #[test]
    fn own_listeners_are_no_targets_unless_they_are_allowed() {
        let targets = |arguments: &[&str]| parse(arguments).unwrap().translation().targets;
        let check = |targets: &Targets, to: &str| targets.check(to.parse().unwrap()).err();
        let usual = targets(&["--admin=10.0.0.1:10255"]);
        assert_eq!(check(&usual, "10.0.0.1:10255"), Some(Forbidden::Own));
        assert_eq!(check(&usual, "10.0.0.1:80"), None);
        // It is not known what every address of this machine is.
        assert_eq!(check(&usual, "10.0.0.1:9443"), None);
        let given = targets(&["--allow-target=10.0.0.1", "--admin=10.0.0.1:10255"]);
        assert_eq!(check(&given, "10.0.0.1:10255"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "--election-ttl=0",
            "--hold-losses-above=101",
            "--hold-losses-for=0s",
            "--publish-service=web",
            "--admin=x",
        ] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
