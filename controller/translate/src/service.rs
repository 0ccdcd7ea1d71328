//! One Service port, with its EndpointSlices, to one upstream.
//!
//! [`upstream`] depends on its Service and their slices only and on no Ingress. A change of
//! endpoints calls it alone; a translation calls it for each port in use.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use portreeve_table::{
    Endpoint, External, HostPattern, Protocol, Stage, Upstream, UpstreamKey, Via, may_be_endpoint,
};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::endpoint::{endpoints, is_tcp, target_port};
use crate::ingress::{PortRef, ServiceRef};
use crate::object::{Kind, ObjectKey};
use crate::options::Options;
use crate::snapshot::{SERVICE_NAME, Snapshot};

/// Why a Service port cannot be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    NoService,
    NoPort { offered: String },
}

/// The key of a Service port, by the words of an Ingress in `namespace`.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    namespace: &str,
    wanted: &ServiceRef,
    by_service: bool,
) -> Result<UpstreamKey, Unresolved> {
    let key = ObjectKey::new(namespace, &wanted.name);
    let service = snapshot.service(&key).ok_or(Unresolved::NoService)?;
    let ports = ports(service);
    let found = match &wanted.port {
        PortRef::First => ports.first().copied(),
        PortRef::Name(name) => ports
            .iter()
            .find(|p| p.name.as_deref() == Some(name))
            .copied(),
        PortRef::Number(number) => by_number(&ports, *number),
    };
    let port = match (found, &wanted.port) {
        (Some(port), _) => u16::try_from(port.port).ok(),
        (None, PortRef::Number(number)) if is_external(service) => Some(*number),
        _ => None,
    };
    let port = port.ok_or_else(|| Unresolved::NoPort {
        offered: offered(&ports),
    })?;
    let via = match by_service && cluster_ip(service).is_some() {
        true => Via::ClusterIp,
        false => Via::Endpoints,
    };
    Ok(UpstreamKey {
        namespace: key.namespace,
        service: key.name,
        port,
        via,
    })
}

/// By the Service's own number first; ingress-nginx also takes the number of a target port.
fn by_number<'s>(ports: &[&'s ServicePort], number: u16) -> Option<&'s ServicePort> {
    let own = ports.iter().find(|port| port.port == i32::from(number));
    let targeted =
        |port: &&&ServicePort| port.target_port.is_some() && target_port(port) == Some(number);
    own.or_else(|| ports.iter().find(targeted)).copied()
}

fn offered(ports: &[&ServicePort]) -> String {
    let shown = ports.iter().map(|port| match port.name.as_deref() {
        Some(name) if !name.is_empty() => format!("{} ({name})", port.port),
        _ => port.port.to_string(),
    });
    let shown: Vec<_> = shown.collect();
    match shown.is_empty() {
        true => "no port at all".into(),
        false => shown.join(", "),
    }
}

fn spec(service: &Service) -> Option<&ServiceSpec> {
    service.spec.as_ref()
}

fn ports(service: &Service) -> Vec<&ServicePort> {
    let ports = spec(service).and_then(|spec| spec.ports.as_deref());
    let ports = ports.unwrap_or_default().iter();
    ports
        .filter(|port| is_tcp(port.protocol.as_deref()))
        .collect()
}

fn is_external(service: &Service) -> bool {
    spec(service).is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"))
}

/// The cluster IP; headless Services write `None` in its place.
fn cluster_ip(service: &Service) -> Option<IpAddr> {
    spec(service)?.cluster_ip.as_deref()?.parse().ok()
}

/// An upstream as its Service and EndpointSlices have it now.
///
/// A Service or port that does not exist gives an upstream without endpoints, which answers 503.
pub fn upstream(
    snapshot: &Snapshot,
    key: &UpstreamKey,
    options: &Options,
) -> (Upstream, Vec<Diagnostic>) {
    let mut upstream = Upstream::default();
    let mut diagnostics = Vec::new();
    let name = ObjectKey::new(&key.namespace, &key.service);
    let Some(service) = snapshot.service(&name) else {
        return (upstream, diagnostics);
    };
    let ports = ports(service);
    let port = ports
        .iter()
        .find(|port| port.port == i32::from(key.port))
        .copied();
    upstream.protocol = port.and_then(|port| protocol(port.app_protocol.as_deref()?));
    if is_external(service) {
        let number = port.map_or(Some(key.port), target_port);
        match external(service, options) {
            Ok(name) => {
                upstream.external = number.map(|port| External { name, port });
            }
            Err(why) => diagnostics.push(
                Diagnostic::new(
                    Code::ExternalNameRefused,
                    name.reference(Kind::Service),
                    why,
                )
                .field("spec.externalName")
                .hint("a DNS name such as shop.example.com"),
            ),
        }
        return (upstream, diagnostics);
    }
    upstream.endpoints = match (key.via, port) {
        (_, None) => Vec::new(),
        (Via::ClusterIp, Some(_)) => {
            let ip = cluster_ip(service).filter(|ip| may_be_endpoint(*ip, options.allow_loopback));
            ip.map(|ip| ready(SocketAddr::new(ip, key.port)))
                .into_iter()
                .collect()
        }
        (Via::Endpoints, Some(port)) => {
            endpoints(snapshot.slices(&name), port, options, &mut diagnostics)
        }
    };
    (upstream, diagnostics)
}

/// The Service that a slice belongs to, if it says so.
pub fn of_slice(slice: &EndpointSlice) -> Option<ObjectKey> {
    let service = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    let slice = ObjectKey::of(&slice.metadata);
    Some(ObjectKey::new(&slice.namespace, service))
}

fn ready(address: SocketAddr) -> Endpoint {
    Endpoint {
        address,
        weight: 1,
        stage: Stage::Ready,
    }
}

/// The name to resolve, or why it may not be: names of this machine would let the author of a
/// Service reach what only the proxy may reach.
fn external(service: &Service, options: &Options) -> Result<Box<str>, String> {
    let written = spec(service).and_then(|spec| spec.external_name.as_deref());
    let written = written.unwrap_or_default();
    let refused = |why: &str| Err(format!("{written:?} {why}, so its routes answer 503."));
    if !options.external_names {
        return refused("is an external name, and these are switched off");
    }
    let name = written
        .strip_suffix('.')
        .unwrap_or(written)
        .to_ascii_lowercase();
    if let Ok(address) = name.parse::<IpAddr>() {
        return match may_be_endpoint(address, options.allow_loopback) {
            true => Ok(name.into()),
            false => refused("is not an address to send requests to"),
        };
    }
    let local = name == "localhost" || name.ends_with(".localhost");
    match HostPattern::parse(&name) {
        Ok(HostPattern::Exact(_)) if local && !options.allow_loopback => {
            refused("is a name of this machine")
        }
        Ok(HostPattern::Exact(_)) => Ok(name.into()),
        _ => refused("is not a DNS name"),
    }
}

/// KEP-3726's names for protocols, and those that are in wide use.
fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "kubernetes.io/h2c" | "grpc" => Some(Protocol::H2c),
        "https" | "kubernetes.io/wss" => Some(Protocol::Https),
        "http" | "kubernetes.io/ws" => Some(Protocol::Http),
        _ => None,
    }
}
