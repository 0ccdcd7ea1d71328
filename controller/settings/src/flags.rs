//! What is watched and how it is read: the flags that the controller and the admission webhook have in
//! common, so that the two cannot be told differently.
//!
//! What ingress-nginx has too has its name, its default and its meaning.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use portreeve_table::{CertKey, Forbidden, TargetRange, Targets};
use portreeve_translate::{ByName, HostOwnership, Profile};
use portreeve_watch::{Kinds, Scope};

/// What is watched, and how it is read.
#[derive(Clone, Debug, Args)]
pub struct Settings {
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

    /// The namespace of our own objects: settings of classes, the Lease and the Secrets of our certificates.
    ///
    /// By default the Pod's own, and outside a cluster the kubeconfig's.
    #[arg(
        long,
        value_name = "NAME",
        env = "POD_NAMESPACE",
        help_heading = "Kubernetes"
    )]
    pub namespace: Option<String>,

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

    /// Which namespaces may use which hosts: any, first or listed; docs/host-ownership.md says more.
    ///
    /// With `first`, a host is that of the first namespace that claims it. With `listed`, a namespace
    /// may use the hosts that the annotation `portreeve.dev/hosts` of its Namespace lists.
    #[arg(
        long,
        value_name = "WHO",
        env = "PORTREEVE_HOST_OWNERSHIP",
        default_value = "any",
        help_heading = "Translation"
    )]
    pub host_ownership: HostOwnership,

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
}

impl Settings {
    /// Which namespaces are watched.
    pub fn scope(&self) -> Scope {
        match (&*self.watch_namespace, &*self.watch_namespace_selector) {
            ("", "") => Scope::All,
            ("", selector) => Scope::Selected(selector.into()),
            (namespace, _) => Scope::One(namespace.into()),
        }
    }

    /// These kinds, with what else must be watched.
    pub fn kinds(&self, kinds: Kinds) -> Kinds {
        match self.host_ownership {
            HostOwnership::Listed => kinds.with_namespaces(),
            HostOwnership::Any | HostOwnership::First => kinds,
        }
    }

    /// Where requests may be sent and where not, as far as flags say it.
    fn targets(&self) -> Targets {
        let mut targets = Targets::default();
        for target in &self.allow_target {
            targets.allow(target.clone());
        }
        for target in &self.forbid_target {
            targets.deny(target.clone(), Forbidden::Listed);
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
            host_ownership: self.host_ownership,
            default_cert: self.default_ssl_certificate.clone(),
            external_names: !self.disable_svc_external_name,
            targets: self.targets(),
            ..portreeve_translate::Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        settings: Settings,
    }

    fn parse(arguments: &[&str]) -> Result<Settings, clap::Error> {
        let program = ["program"].iter().chain(arguments);
        Program::try_parse_from(program).map(|program| program.settings)
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
    fn a_target_is_forbidden_unless_it_is_allowed() {
        let given = [
            "--allow-target=10.0.0.1,127.0.0.1:80",
            "--forbid-target=10.0.0.0/8",
        ];
        let targets = parse(&given).unwrap().translation().targets;
        let check = |to: &str| targets.check(to.parse().unwrap()).err();
        assert_eq!(check("10.0.0.1:10255"), None);
        assert_eq!(check("127.0.0.1:80"), None);
        assert_eq!(check("10.0.0.2:80"), Some(Forbidden::Listed));
    }

    #[test]
    fn namespaces_are_watched_where_their_lists_count() {
        for (given, expected) in [
            ("any", Kinds::all()),
            ("first", Kinds::all()),
            ("listed", Kinds::all().with_namespaces()),
        ] {
            let flag = format!("--host-ownership={given}");
            let settings = parse(&[&flag]).unwrap();
            assert_eq!(settings.kinds(Kinds::all()), expected);
            let translated = settings.translation().host_ownership;
            assert_eq!(translated.to_string(), given);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "--profile=nice",
            "--host-ownership=mine",
            "--watch-ingress-without-class=perhaps",
            "--allow-target=web:80",
            "--forbid-target=10.0.0.0/64",
        ] {
            assert!(parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
