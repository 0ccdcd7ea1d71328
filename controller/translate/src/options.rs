//! What a translation depends on beside the objects: given once, by flags.

use std::fmt;
use std::str::FromStr;

use portreeve_table::{CertKey, HostPattern, Targets};

use crate::object::ObjectKey;

/// Whose letter counts where the Ingress API and ingress-nginx disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// The Ingress API's.
    #[default]
    Standard,
    /// ingress-nginx's.
    Nginx,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::Nginx => "nginx",
        })
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        match text {
            "standard" => Ok(Self::Standard),
            "nginx" => Ok(Self::Nginx),
            other => Err(ProfileError(other.into())),
        }
    }
}

/// Which text is not a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a profile; write standard or nginx")]
pub struct ProfileError(pub String);

/// Whether a class is ours by its name, beside those that are by their controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByName {
    /// It is not.
    #[default]
    No,
    /// Where there is no IngressClass of that name: one that exists says itself whose it is.
    WithoutClass,
    /// It is, whatever an IngressClass of that name says: ingress-nginx's `ingress-class-by-name`.
    Yes,
}

/// Which namespaces may use which hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostOwnership {
    /// All may use all.
    #[default]
    Any,
    /// A host is that of the first namespace that claims it.
    First,
    /// A namespace may use the hosts that its Namespace lists, see [`HOSTS`](crate::HOSTS).
    Listed,
}

impl fmt::Display for HostOwnership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::First => "first",
            Self::Listed => "listed",
        })
    }
}

impl FromStr for HostOwnership {
    type Err = HostOwnershipError;

    fn from_str(text: &str) -> Result<Self, HostOwnershipError> {
        let mut all = [Self::Any, Self::First, Self::Listed].into_iter();
        let named = all.find(|ownership| ownership.to_string() == text);
        named.ok_or_else(|| HostOwnershipError(text.into()))
    }
}

/// Which text is not a way to own hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a way to own hosts; write any, first or listed")]
pub struct HostOwnershipError(pub String);

/// Where controllers and proxies are, by the EndpointSlices of their own Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The namespace of controllers.
    pub namespace: String,
    /// The port on which they listen for proxies; what has it in that namespace is one of them.
    pub config: u16,
    /// The port on which they answer probes.
    pub admin: u16,
    /// The Service that leads to the proxies, where it is known.
    pub proxies: Option<ObjectKey>,
}

/// What a translation depends on beside the objects.
#[derive(Clone, Debug)]
pub struct Options {
    /// The class names that are ours by name.
    pub ingress_classes: Vec<String>,
    /// The controllers whose IngressClasses are ours.
    pub controllers: Vec<String>,
    /// Whether Ingresses without any class are ours.
    pub watch_without_class: bool,
    /// Whether `ingressClassName` may also be one of `ingress_classes`; the old annotation always
    /// may where there is no IngressClass of that name.
    pub class_by_name: ByName,
    /// The profile where no IngressClass decides it.
    pub profile: Profile,
    /// The namespace of the ConfigMaps that classes have their settings in; any, if it is `None`.
    pub parameters: Option<String>,
    /// Which namespaces may use which hosts.
    pub host_ownership: HostOwnership,
    /// The certificate for names that have none.
    pub default_cert: Option<CertKey>,
    /// Where requests may be sent and where not, as far as it does not depend on objects.
    pub targets: Targets,
    /// What is known of controllers and proxies, which no Service may lead to.
    pub own: Option<Own>,
    /// Whether Services of type ExternalName are served.
    pub external_names: bool,
    /// Whether certificates are ordered from an ACME authority.
    pub acme: bool,
    /// Whether `kubernetes.io/tls-acme` asks for one as `portreeve.dev/acme` does.
    pub tls_acme: bool,
    /// Who may have certificates for which hosts: a namespace, `*` for all or with `*` at its end for
    /// those that begin like it, and a host or all that are below a wildcard. Empty: each for the
    /// hosts that are its own.
    pub acme_allowed: Vec<(String, HostPattern)>,
    /// The namespace whose Secrets of type `portreeve.dev/acme-challenge` are answered; none, if it
    /// is `None`.
    pub challenges: Option<String>,
    /// The time, in seconds since 1970, that certificates are judged by.
    pub now: i64,
}

impl Default for Options {
    /// As in a cluster: a class is needed, and endpoints are pods.
    fn default() -> Self {
        let owned = |names: [&str; 2]| names.map(String::from).into();
        Self {
            ingress_classes: owned(["portreeve", "nginx"]),
            controllers: owned(["portreeve.dev/ingress-controller", "k8s.io/ingress-nginx"]),
            watch_without_class: false,
            class_by_name: ByName::No,
            profile: Profile::Standard,
            parameters: None,
            host_ownership: HostOwnership::Any,
            default_cert: None,
            targets: Targets::default(),
            own: None,
            external_names: true,
            acme: false,
            tls_acme: false,
            acme_allowed: Vec::new(),
            challenges: None,
            now: 0,
        }
    }
}

impl Options {
    /// As without a cluster: a class may be absent or only named, and backends may be local.
    pub fn standalone() -> Self {
        Self {
            watch_without_class: true,
            class_by_name: ByName::WithoutClass,
            targets: Targets::local(),
            ..Self::default()
        }
    }
}
