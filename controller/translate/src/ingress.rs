//! One Ingress to what it claims: hosts, paths, backends and certificates.
//!
//! Nothing here sees a second object, so a claim can be kept for as long as its Ingress has the
//! same version, and no Ingress can change what another one claims.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressSpec, IngressTLS,
};
use portreeve_table::{CertKey, HostPattern, Template, shorten};

use crate::acme::Asked;
use crate::annotations::{self, Settings, Verdict};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::options::Profile;
use crate::route;
use crate::tls::{TlsClaim, TlsHost};

/// What one Ingress claims.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    pub key: ObjectKey,
    pub created: Option<Timestamp>,
    pub profile: Profile,
    pub settings: Settings,
    /// The key of each annotation that is in force, with its prefix, by its name.
    pub keys: BTreeMap<&'static str, Box<str>>,
    /// Whether it stands for an object that cannot be used: it closes what it claims, and does
    /// nothing else.
    pub is_refused: bool,
    /// Why all routes answer 503, when they do.
    pub closed: Option<Box<str>>,
    pub rules: Vec<RuleClaim>,
    pub default_backend: Option<PathClaim>,
    /// Whether it was written without rules, so that its default backend takes what no rule does.
    /// One whose rules are all wrong takes nothing.
    pub is_catch_all: bool,
    pub tls: Vec<TlsClaim>,
    /// Of whom it wants its certificates.
    pub asked: Asked,
    pub diagnostics: Vec<Diagnostic>,
}

/// One rule: a host and its paths. Without paths, the host goes to the default backend.
#[derive(Clone, Debug)]
pub(crate) struct RuleClaim {
    /// Which of the rules it is.
    pub place: usize,
    pub host: HostPattern,
    pub paths: Vec<PathClaim>,
}

/// One path and the backend behind it.
#[derive(Clone, Debug)]
pub(crate) struct PathClaim {
    pub place: Place,
    /// As written, but `/` when it was left out.
    pub path: Box<str>,
    pub path_type: PathType,
    pub backend: Result<ServiceRef, BadBackend>,
}

/// Where in its Ingress a path stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Path { rule: usize, path: usize },
    Default,
}

/// How a path is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
    /// None that there is: what a Prefix would take answers 503.
    Unknown,
}

/// A Service port by the words of the Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceRef {
    pub name: Box<str>,
    pub port: PortRef,
}

/// A port by number or by name; the first one for the `default-backend` annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortRef {
    Number(u16),
    Name(Box<str>),
    First,
}

/// Why a backend cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadBackend {
    Both,
    Neither,
    NoPort,
    BadPort,
    Resource,
}

/// What an Ingress claims.
pub(crate) fn claims(key: &ObjectKey, ingress: &Ingress, profile: Profile) -> Claims {
    let (no_spec, no_annotations) = Default::default();
    let spec = ingress.spec.as_ref().unwrap_or(&no_spec);
    let annotations = ingress.metadata.annotations.as_ref();
    let annotations = annotations.unwrap_or(&no_annotations);
    let object = key.reference(Kind::Ingress);
    let reading = annotations::read(&object, annotations, route_count(spec));
    let created = ingress.metadata.creation_timestamp.as_ref();
    let asked = Asked::read(annotations, &reading.settings);
    let mut claims = Claims {
        key: key.clone(),
        created: created.map(|time| time.0),
        profile,
        settings: reading.settings,
        keys: reading.keys,
        is_refused: false,
        closed: None,
        rules: Vec::new(),
        default_backend: None,
        is_catch_all: false,
        tls: Vec::new(),
        asked,
        diagnostics: reading.diagnostics,
    };
    claims.bound(&object, route_count(spec));
    match reading.verdict {
        Verdict::LeftOut => return claims,
        Verdict::Closed(reason) => drop(claims.closed.get_or_insert(reason)),
        Verdict::Served => {}
    }
    claims.read_spec(&object, spec);
    claims
}

fn route_count(spec: &IngressSpec) -> usize {
    let rules = spec.rules.iter().flatten();
    rules.map(|rule| paths_of(rule).len().max(1)).sum::<usize>()
        + usize::from(spec.default_backend.is_some())
}

fn paths_of(rule: &IngressRule) -> &[HTTPIngressPath] {
    rule.http.as_ref().map_or(&[], |http| &http.paths)
}

impl Claims {
    /// By which of two that claim the same the winner is found: the older, then by name.
    pub(crate) fn age(&self) -> (Option<Timestamp>, &ObjectKey) {
        (self.created, &self.key)
    }

    pub(crate) fn object(&self) -> ObjectRef {
        self.key.reference(Kind::Ingress)
    }

    /// The field of an annotation, as it was given.
    pub(crate) fn annotation_field(&self, name: &str) -> String {
        let key = self.keys.get(name).map_or(name, |key| key);
        format!("metadata.annotations[{key}]")
    }

    /// Its default backend, when that is for all hosts.
    pub(crate) fn catch_all(&self) -> Option<&PathClaim> {
        self.default_backend.as_ref().filter(|_| self.is_catch_all)
    }

    /// The Secret that one of its entries names.
    pub(crate) fn secret(&self, tls: &TlsClaim) -> Option<CertKey> {
        Some(CertKey {
            namespace: self.key.namespace.clone(),
            secret: tls.secret.clone()?,
        })
    }

    /// The hosts of its rules, each as often as it stands there.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostPattern> {
        self.rules.iter().map(|rule| &rule.host)
    }

    fn read_spec(&mut self, object: &ObjectRef, spec: &IngressSpec) {
        let mut findings = Findings {
            object,
            effect: without_backend(&self.settings),
            takes_addresses: self.asked.takes_addresses(),
            found: Vec::new(),
        };
        let rules = spec.rules.iter().flatten().enumerate();
        self.rules = rules
            .filter_map(|(at, rule)| findings.rule(at, rule))
            .collect();
        self.default_backend = spec.default_backend.as_ref().map(|backend| PathClaim {
            place: Place::Default,
            path: "/".into(),
            path_type: PathType::Prefix,
            backend: findings.backend(Place::Default, backend),
        });
        let tls = spec.tls.iter().flatten().enumerate();
        self.tls = tls.map(|(at, tls)| findings.tls(at, tls)).collect();
        self.is_catch_all = spec.rules.iter().flatten().next().is_none();
        if self.is_catch_all && self.default_backend.is_none() {
            findings.empty();
        }
        self.diagnostics.append(&mut findings.found);
    }
}

impl Place {
    /// The field of the path's entry.
    pub(crate) fn field(self) -> String {
        match self {
            Self::Path { rule, path } => format!("spec.rules[{rule}].http.paths[{path}]"),
            Self::Default => "spec.defaultBackend".into(),
        }
    }

    /// A field of its path, or of its backend.
    pub(crate) fn path_field(self) -> String {
        match self {
            Self::Path { .. } => self.field() + ".path",
            Self::Default => self.field(),
        }
    }

    pub(crate) fn backend_field(self) -> String {
        match self {
            Self::Path { .. } => self.field() + ".backend",
            Self::Default => self.field(),
        }
    }
}

impl BadBackend {
    /// What is wrong, as a sentence without its end.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Both => "the backend names both a Service and a resource",
            Self::Neither => "the backend names neither a Service nor a resource",
            Self::NoPort => "the backend's Service has no port, or one by number and by name",
            Self::BadPort => "the backend's port is not a number from 1 to 65535",
            Self::Resource => "the backend is a resource, and only Services are served",
        }
    }
}

/// Reads the parts of a specification, collecting what is wrong with them.
struct Findings<'a> {
    object: &'a ObjectRef,
    /// What becomes of a route whose backend cannot be one.
    effect: &'static str,
    /// Whether an address may have a certificate.
    takes_addresses: bool,
    found: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn add(&mut self, code: Code, field: String, message: impl Into<String>, hint: &str) {
        let found = Diagnostic::new(code, self.object.clone(), message);
        self.found.push(found.field(field).hint(hint));
    }

    fn rule(&mut self, at: usize, rule: &IngressRule) -> Option<RuleClaim> {
        let host = match rule.host.as_deref().filter(|host| !host.is_empty()) {
            None => HostPattern::Any,
            Some(host) => self.host(format!("spec.rules[{at}].host"), host, "the rule")?,
        };
        let paths = paths_of(rule).iter().enumerate();
        let paths = paths.map(|(path, claim)| self.path(Place::Path { rule: at, path }, claim));
        let paths = paths.collect();
        Some(RuleClaim {
            place: at,
            host,
            paths,
        })
    }

    fn host(&mut self, field: String, host: &str, what: &str) -> Option<HostPattern> {
        let parsed = HostPattern::parse(host);
        if let Err(error) = &parsed {
            let message = format!("{error}; {what} is not served.");
            self.add(Code::HostInvalid, field, message, "");
        }
        parsed.ok()
    }

    fn path(&mut self, place: Place, claim: &HTTPIngressPath) -> PathClaim {
        let path_type = match claim.path_type.as_str() {
            "Exact" => PathType::Exact,
            "Prefix" => PathType::Prefix,
            "ImplementationSpecific" | "" => PathType::ImplementationSpecific,
            other => {
                let other = shorten(other);
                let message = format!(
                    "{other:?} is not a type of path, so requests below the path answer 503."
                );
                let field = place.field() + ".pathType";
                self.add(
                    Code::PathInvalid,
                    field,
                    message,
                    "Exact, Prefix or ImplementationSpecific",
                );
                PathType::Unknown
            }
        };
        let written = claim.path.as_deref().unwrap_or_default();
        let path = match path_type {
            PathType::ImplementationSpecific | PathType::Unknown if written.is_empty() => "/",
            _ => written,
        };
        PathClaim {
            place,
            path: path.into(),
            path_type,
            backend: self.backend(place, &claim.backend),
        }
    }

    fn backend(
        &mut self,
        place: Place,
        backend: &IngressBackend,
    ) -> Result<ServiceRef, BadBackend> {
        let parsed = service_ref(backend);
        if let Err(bad) = &parsed {
            let code = match bad {
                BadBackend::Resource => Code::BackendUnsupported,
                _ => Code::BackendInvalid,
            };
            let message = format!("{}: {}.", self.effect, bad.why());
            let hint = "service: {name: NAME, port: {number: PORT}}";
            self.add(code, place.backend_field(), message, hint);
        }
        parsed
    }

    fn tls(&mut self, at: usize, tls: &IngressTLS) -> TlsClaim {
        let mut addresses = Vec::new();
        let listed = tls.hosts.iter().flatten().enumerate();
        let hosts = listed.filter_map(|(place, host)| {
            if let (true, Ok(address)) = (self.takes_addresses, host.parse()) {
                addresses.push((place, address));
                return None;
            }
            let field = format!("spec.tls[{at}].hosts[{place}]");
            let host = self.host(field, host, "its certificate")?;
            Some(TlsHost {
                place,
                host,
                is_refused: false,
            })
        });
        let hosts = hosts.collect();
        TlsClaim {
            place: at,
            hosts,
            addresses,
            for_all: tls.hosts.iter().flatten().next().is_none(),
            secret: tls
                .secret_name
                .as_deref()
                .filter(|s| !s.is_empty())
                .map(Into::into),
        }
    }

    fn empty(&mut self) {
        let message = "It has neither rules nor a default backend, so it serves nothing.";
        let hint = "rules: [{host: shop.example.com, http: {paths: [...]}}]";
        self.add(Code::IngressEmpty, "spec".into(), message, hint);
    }
}

fn without_backend(settings: &Settings) -> &'static str {
    let rewrites_to_url = settings.rewrite.as_ref().is_some_and(Template::is_url);
    match &settings.default_backend {
        _ if route::moved(settings).is_some() || rewrites_to_url => "The route only redirects",
        Some(_) => "The default backend answers, if it can",
        None => "The route answers 503",
    }
}

fn service_ref(backend: &IngressBackend) -> Result<ServiceRef, BadBackend> {
    let service = match (&backend.service, &backend.resource) {
        (Some(service), None) => service,
        (Some(_), Some(_)) => return Err(BadBackend::Both),
        (None, Some(_)) => return Err(BadBackend::Resource),
        (None, None) => return Err(BadBackend::Neither),
    };
    let port = service.port.as_ref().ok_or(BadBackend::NoPort)?;
    let name = port.name.as_deref().filter(|name| !name.is_empty());
    let port = match (port.number.filter(|number| *number != 0), name) {
        (Some(number), None) => {
            PortRef::Number(u16::try_from(number).map_err(|_| BadBackend::BadPort)?)
        }
        (None, Some(name)) => PortRef::Name(name.into()),
        _ => return Err(BadBackend::NoPort),
    };
    Ok(ServiceRef {
        name: service.name.as_str().into(),
        port,
    })
}
