//! The endpoints of one Service port: all its EndpointSlices as one list.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use portreeve_table::{Endpoint, Forbidden, Stage, Targets};

use crate::annotations::OWN_PREFIX;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};

/// The endpoints of `port` in all `slices`: sorted, each address once. Of two with one address,
/// the one that is ready wins, then the one that weighs more.
pub(crate) fn endpoints<'a>(
    slices: impl Iterator<Item = &'a EndpointSlice>,
    port: &ServicePort,
    targets: &Targets,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Endpoint>, Option<Box<str>>) {
    let mut merged: BTreeMap<SocketAddr, (Stage, u16)> = BTreeMap::new();
    let mut refused = None;
    for slice in slices {
        let slice = Slice {
            slice,
            targets,
            refused: &mut refused,
            diagnostics,
        };
        for Endpoint {
            address,
            weight,
            stage,
        } in slice.endpoints(port)
        {
            let entry = merged.entry(address).or_insert((stage, weight));
            let better = (entry.0 > stage) || (entry.0 == stage && entry.1 < weight);
            if better {
                *entry = (stage, weight);
            }
        }
    }
    let merged = merged.into_iter();
    let merged = merged.map(|(address, (stage, weight))| Endpoint {
        address,
        weight,
        stage,
    });
    (merged.collect(), refused)
}

/// Where something leads although no request may be sent there.
pub(crate) fn refusal(to: SocketAddr, why: Forbidden) -> Box<str> {
    format!("{to}, which is {why}").into()
}

struct Slice<'a> {
    slice: &'a EndpointSlice,
    targets: &'a Targets,
    /// The first that was.
    refused: &'a mut Option<Box<str>>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Slice<'_> {
    fn endpoints(mut self, port: &ServicePort) -> Vec<Endpoint> {
        let used = self.slice.endpoints.as_deref().unwrap_or_default();
        if used.is_empty() {
            return Vec::new();
        }
        let Some(port) = self.port(port) else {
            return Vec::new();
        };
        let weight = self.weight();
        let staged = used
            .iter()
            .enumerate()
            .filter_map(|(at, e)| Some((at, e, stage(e)?)));
        let found = staged.filter_map(|(at, endpoint, stage)| {
            Some(Endpoint {
                address: self.address(at, endpoint, port)?,
                weight,
                stage,
            })
        });
        found.collect()
    }

    /// The number of the slice's port that belongs to a Service's port: the one of the same name,
    /// or the target port where the slice leaves it open.
    fn port(&mut self, port: &ServicePort) -> Option<u16> {
        let ports = self.slice.ports.as_deref().unwrap_or_default();
        if ports.is_empty() {
            return target_port(port);
        }
        let wanted = port.name.as_deref().unwrap_or_default();
        let named = |p: &&EndpointPort| p.name.as_deref().unwrap_or_default() == wanted;
        let tcp = |p: &&EndpointPort| is_tcp(p.protocol.as_deref());
        let Some(found) = ports.iter().filter(tcp).find(named) else {
            let message = format!(
                "It has no port {wanted:?}, which is the Service's; its endpoints are not used."
            );
            let hint = format!("ports: [{{name: {wanted:?}, port: PORT}}]");
            self.find(Code::SliceWithoutPort, "ports".into(), message, hint);
            return None;
        };
        match found.port {
            Some(number) => u16::try_from(number).ok(),
            None => target_port(port),
        }
    }

    fn weight(&mut self) -> u16 {
        let key = format!("{OWN_PREFIX}weight");
        let annotations = self.slice.metadata.annotations.as_ref();
        let Some(text) = annotations
            .and_then(|all| all.get(&key))
            .filter(|t| !t.is_empty())
        else {
            return 1;
        };
        text.parse().unwrap_or_else(|_| {
            let message = format!("{text:?} is not a number from 0 to 65535; the weight is 1.");
            let field = format!("metadata.annotations[{key}]");
            self.find(Code::WeightInvalid, field, message, "\"1\"".into());
            1
        })
    }

    /// Only the first address means something (discovery/v1).
    fn address(&mut self, at: usize, endpoint: &SliceEndpoint, port: u16) -> Option<SocketAddr> {
        let text = endpoint.addresses.first()?;
        let why = match text.parse::<IpAddr>() {
            Ok(ip) => {
                let address = SocketAddr::new(ip, port);
                let Err(why) = self.targets.check(address) else {
                    return Some(address);
                };
                self.refused.get_or_insert_with(|| refusal(address, why));
                why.to_string()
            }
            Err(_) => "not an IP address".into(),
        };
        let message = format!("{text:?} is {why}; no request is sent there.");
        let field = format!("endpoints[{at}].addresses[0]");
        let hint = "the IP address of a pod or a machine".into();
        self.find(Code::EndpointRefused, field, message, hint);
        None
    }

    fn find(&mut self, code: Code, field: String, message: String, hint: String) {
        let found = Diagnostic::new(code, reference(self.slice), message);
        self.diagnostics.push(found.field(field).hint(hint));
    }
}

fn reference(slice: &EndpointSlice) -> ObjectRef {
    ObjectKey::of(&slice.metadata).reference(Kind::EndpointSlice)
}

/// The port of the pods, where it has a number; without one it is the Service's own.
pub(crate) fn target_port(port: &ServicePort) -> Option<u16> {
    match &port.target_port {
        None | Some(IntOrString::Int(0)) => u16::try_from(port.port).ok(),
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => name.parse().ok(),
    }
}

/// HTTP runs over TCP; nil means TCP.
pub(crate) fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol.is_empty() || protocol == "TCP")
}

/// Where an endpoint stands; `None` when it takes no requests. A nil `ready` means ready, and a
/// nil `serving` says the same as `ready` (discovery/v1 `EndpointConditions`).
fn stage(endpoint: &SliceEndpoint) -> Option<Stage> {
    let Some(conditions) = &endpoint.conditions else {
        return Some(Stage::Ready);
    };
    let ready = conditions.ready.unwrap_or(true);
    let serving = conditions.serving.unwrap_or(ready);
    let terminating = conditions.terminating.unwrap_or(false);
    match ready {
        true => Some(Stage::Ready),
        false => (serving && terminating).then_some(Stage::Draining),
    }
}
