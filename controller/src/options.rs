//! Every flag of the controller, declared once: parsing, `--help` and `docs/controller-flags.md`
//! come from here. What ingress-nginx has too has its name, its default and its meaning.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Parser};
use portreeve_table::{CertKey, Forbidden, TargetRange, Targets};
use portreeve_translate::{ByName, ObjectKey, Profile};
use portreeve_watch::Scope;

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
    /// Talk to the API server that this file names.
    ///
    /// By default the Pod's ServiceAccount is used, and outside a cluster what kubectl would use.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_KUBECONFIG",
        help_heading = "Kubernetes"
    )]
    pub kubeconfig: Option<PathBuf>,

    /// Watch this namespace and no other.
    #[arg(
        long,
        value_name = "NAME",
        env = "PORTREEVE_WATCH_NAMESPACE",
        default_value = "",
        conflicts_with = "watch_namespace_selector",
        hide_default_value = true,
        help_heading = "Kubernetes"
    )]
    pub watch_namespace: String,

    /// Watch the namespaces whose labels this selector takes, such as `team=shop`.
    #[arg(
        long,
        value_name = "SELECTOR",
        env = "PORTREEVE_WATCH_NAMESPACE_SELECTOR",
        default_value = "",
        hide_default_value = true,
        help_heading = "Kubernetes"
    )]
    pub watch_namespace_selector: String,

    /// Serve Ingresses that name this class by the annotation `kubernetes.io/ingress.class`; can be
    /// given more than once.
    #[arg(
        long = "ingress-class",
        value_name = "NAME",
        env = "PORTREEVE_INGRESS_CLASS",
        value_delimiter = ',',
        default_values = ["portreeve", "nginx"],
        help_heading = "Ingress classes"
    )]
    pub ingress_class: Vec<String>,

    /// Serve Ingresses of IngressClasses with this controller; can be given more than once.
    #[arg(
        long = "controller-class",
        value_name = "STRING",
        env = "PORTREEVE_CONTROLLER_CLASS",
        value_delimiter = ',',
        default_values = ["portreeve.dev/ingress-controller", "k8s.io/ingress-nginx"],
        help_heading = "Ingress classes"
    )]
    pub controller_class: Vec<String>,

    /// Take the classes of `--ingress-class` by their names as well, whether or not there are
    /// IngressClasses of these names, and whatever their controllers are.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_INGRESS_CLASS_BY_NAME", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "Ingress classes")]
    pub ingress_class_by_name: bool,

    /// Serve Ingresses that name no class at all.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_WATCH_INGRESS_WITHOUT_CLASS", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "Ingress classes")]
    pub watch_ingress_without_class: bool,

    /// How Ingresses without an IngressClass object are read.
    #[arg(
        long,
        value_name = "PROFILE",
        env = "PORTREEVE_PROFILE",
        default_value = "standard",
        help_heading = "Ingress classes"
    )]
    pub profile: Profile,

    /// Serve the certificate of this Secret for names that have none.
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        env = "PORTREEVE_DEFAULT_SSL_CERTIFICATE",
        help_heading = "Translation"
    )]
    pub default_ssl_certificate: Option<CertKey>,

    /// Let Services lead here, whatever forbids it: an address or a range, on one port or on all,
    /// such as `10.0.0.0/8` or `10.0.0.1:443`; can be given more than once.
    ///
    /// This machine, its link, the metadata of clouds, the API server, and what controllers and
    /// proxies listen on for each other and for probes are forbidden by themselves.
    #[arg(
        long,
        value_name = "TARGET",
        env = "PORTREEVE_ALLOW_TARGET",
        value_delimiter = ',',
        help_heading = "Translation"
    )]
    pub allow_target: Vec<TargetRange>,

    /// Let no Service lead here; can be given more than once.
    #[arg(
        long,
        value_name = "TARGET",
        env = "PORTREEVE_FORBID_TARGET",
        value_delimiter = ',',
        help_heading = "Translation"
    )]
    pub forbid_target: Vec<TargetRange>,

    /// Do not serve Services of type ExternalName.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_DISABLE_SVC_EXTERNAL_NAME", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "Translation")]
    pub disable_svc_external_name: bool,

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

    /// The namespace of our own objects: the Lease and the Secrets of our certificates.
    ///
    /// By default the Pod's own, and outside a cluster the kubeconfig's.
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAMESPACE",
        help_heading = "Leadership"
    )]
    pub namespace: Option<String>,

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

    /// Keep the certificates of controllers and proxies in this directory instead of in Secrets.
    ///
    /// A proxy's `--identity` is the directory `proxy` below it.
    #[arg(
        long,
        value_name = "DIR",
        env = "PORTREEVE_PKI_DIR",
        help_heading = "Proxies"
    )]
    pub pki_dir: Option<PathBuf>,

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
    /// Which namespaces are watched.
    pub fn scope(&self) -> Scope {
        match (&*self.watch_namespace, &*self.watch_namespace_selector) {
            ("", "") => Scope::All,
            ("", selector) => Scope::Selected(selector.into()),
            (namespace, _) => Scope::One(namespace.into()),
        }
    }

    /// What is too great a loss to be believed at once.
    pub(crate) fn loss_limit(&self) -> Limit {
        Limit {
            percent: self.hold_losses_above,
            hold: self.hold_losses_for,
        }
    }

    /// Where requests may be sent and where not, as far as flags say it: not to our own listeners
    /// where their addresses are given.
    fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        for target in &self.allow_target {
            targets.allow(target.clone());
        }
        for target in &self.forbid_target {
            targets.deny(target.clone(), Forbidden::Listed);
        }
        let own = [self.config_listen, self.admin];
        for own in own.iter().filter(|own| !own.ip().is_unspecified()) {
            targets.deny((*own).into(), Forbidden::Own);
        }
        targets
    }

    /// What a translation depends on.
    pub fn translation(&self) -> portreeve_translate::Options {
        portreeve_translate::Options {
            ingress_classes: self.ingress_class.clone(),
            controllers: self.controller_class.clone(),
            watch_without_class: self.watch_ingress_without_class,
            class_by_name: match self.ingress_class_by_name {
                true => ByName::Yes,
                false => ByName::No,
            },
            profile: self.profile,
            default_cert: self.default_ssl_certificate.clone(),
            external_names: !self.disable_svc_external_name,
            targets: self.targets(),
            ..portreeve_translate::Options::default()
        }
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

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let program = ["portreeve-controller"];
        Options::try_parse_from(program.iter().chain(arguments))
    }

    #[test]
    fn the_flags_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_scope_is_all_or_one_or_selected() {
        assert_eq!(parse(&[]).unwrap().scope(), Scope::All);
        let one = parse(&["--watch-namespace", "shop"]).unwrap().scope();
        assert_eq!(one, Scope::One("shop".into()));
        let selected = parse(&["--watch-namespace-selector=team=shop"]).unwrap();
        assert_eq!(selected.scope(), Scope::Selected("team=shop".into()));
        let both = ["--watch-namespace=a", "--watch-namespace-selector=b=c"];
        assert!(parse(&both).is_err());
    }

    #[test]
    fn switches_are_written_as_ingress_nginx_writes_them() {
        let given = parse(&["--update-status=false", "--watch-ingress-without-class"]).unwrap();
        assert!(!given.update_status && given.watch_ingress_without_class);
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
        let given = [
            "--allow-target=10.0.0.1,127.0.0.1:80",
            "--forbid-target=10.0.0.0/8",
        ];
        let given = targets(&[&given[..], &["--admin=10.0.0.1:10255"]].concat());
        assert_eq!(check(&given, "10.0.0.1:10255"), None);
        assert_eq!(check(&given, "127.0.0.1:80"), None);
        assert_eq!(check(&given, "10.0.0.2:80"), Some(Forbidden::Listed));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "--election-ttl=0",
            "--hold-losses-above=101",
            "--hold-losses-for=0s",
            "--publish-service=web",
            "--profile=nice",
            "--admin=x",
            "--allow-target=web:80",
            "--forbid-target=10.0.0.0/64",
        ] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
