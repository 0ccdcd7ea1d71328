//! One Service port, with its EndpointSlices, to one upstream.
//!
//! [`upstream`] depends on its Service and their slices only and on no Ingress. A change of
//! endpoints calls it alone; a translation calls it for each port in use.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use portreeve_table::{Endpoint, Protocol, Stage, Targets, Upstream, UpstreamKey, Via};

use crate::diagnostic::Diagnostic;
use crate::endpoint::{endpoints, is_tcp, refusal, target_port};
use crate::external::external;
use crate::ingress::{PortRef, ServiceRef};
use crate::object::ObjectKey;
use crate::options::Options;
use crate::snapshot::{SERVICE_NAME, Snapshot};

pub use crate::targets::targets;

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
/// `targets` is what [`targets`] says of the same objects.
pub fn upstream(
    snapshot: &Snapshot,
    key: &UpstreamKey,
    options: &Options,
    targets: &Targets,
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
        if let Some(number) = number {
            match external(snapshot, service, number, options, targets) {
                Ok(external) => upstream.external = Some(external),
                Err(refused) => {
                    diagnostics.push(refused.diagnostic(&name));
                    upstream.refused = refused.target;
                }
            }
        }
        return (upstream, diagnostics);
    }
    match (key.via, port) {
        (_, None) => {}
        (Via::ClusterIp, Some(_)) => {
            let address = cluster_ip(service).map(|ip| SocketAddr::new(ip, key.port));
            match address.map(|address| (address, targets.check(address))) {
                Some((address, Ok(()))) => upstream.endpoints = vec![ready(address)],
                Some((address, Err(why))) => upstream.refused = Some(refusal(address, why)),
                None => {}
            }
        }
        (Via::Endpoints, Some(port)) => {
            let slices = snapshot.slices(&name).map(|slice| &**slice);
            (upstream.endpoints, upstream.refused) =
                endpoints(slices, port, targets, &mut diagnostics);
        }
    }
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

/// KEP-3726's names for protocols, and those that are in wide use.
fn protocol(name: &str) -> Option<Protocol> {
    match name {
        "kubernetes.io/h2c" | "grpc" => Some(Protocol::H2c),
        "https" | "kubernetes.io/wss" => Some(Protocol::Https),
        "http" | "kubernetes.io/ws" => Some(Protocol::Http),
        _ => None,
    }
}
