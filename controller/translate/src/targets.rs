//! Where requests may be sent, as far as objects say it: not to the API server, and not to what
//! controllers and proxies listen on for each other and for probes.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use portreeve_table::{Forbidden, Targets};

use crate::object::ObjectKey;
use crate::options::{Options, Own};
use crate::snapshot::Snapshot;

/// The port on which proxies answer probes, unless they are told otherwise.
const PROXY_ADMIN: u16 = 10254;

/// Where requests may be sent and where not.
pub fn targets(snapshot: &Snapshot, options: &Options) -> Targets {
    let mut targets = options.targets.clone();
    let api_server = ObjectKey::new("default", "kubernetes");
    for address in addresses(snapshot, &api_server) {
        targets.deny(address.into(), Forbidden::ApiServer);
    }
    if let Some(own) = &options.own {
        for address in own_listeners(snapshot, own) {
            targets.deny(address.into(), Forbidden::Own);
        }
    }
    targets
}

/// Where a Service is reached: its cluster IP, and its endpoints whether they are ready or not.
pub(crate) fn addresses(snapshot: &Snapshot, service: &ObjectKey) -> Vec<SocketAddr> {
    let own = snapshot.service(service).into_iter();
    let own = own.flat_map(|service| fronts(service));
    let slices = snapshot.slices(service).flat_map(|slice| {
        let ports = ports(slice);
        let pairs = ips(slice).map(move |ip| ports.clone().map(move |port| (ip, port)));
        pairs.flatten().map(SocketAddr::from)
    });
    own.chain(slices).collect()
}

/// The cluster IP on each of the Service's ports.
fn fronts(service: &Service) -> Vec<SocketAddr> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let ip: Option<IpAddr> = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok());
    let ports = spec.ports.iter().flatten();
    let ports = ports.filter_map(|port| u16::try_from(port.port).ok());
    let all = ports.filter_map(|port| Some((ip?, port).into()));
    all.collect()
}

fn own_listeners(snapshot: &Snapshot, own: &Own) -> Vec<SocketAddr> {
    let controllers = snapshot
        .slices_in(&own.namespace)
        .filter(|slice| ports(slice).any(|port| port == own.config))
        .flat_map(ips)
        .flat_map(|ip| [(ip, own.config), (ip, own.admin)]);
    let proxies = own.proxies.iter();
    let proxies = proxies.flat_map(|service| snapshot.slices(service));
    let proxies = proxies
        .flat_map(|slice| ips(slice))
        .map(|ip| (ip, PROXY_ADMIN));
    controllers.chain(proxies).map(SocketAddr::from).collect()
}

fn ips(slice: &EndpointSlice) -> impl Iterator<Item = IpAddr> {
    let endpoints = slice.endpoints.iter().flatten();
    endpoints.filter_map(|endpoint| endpoint.addresses.first()?.parse().ok())
}

fn ports(slice: &EndpointSlice) -> impl Iterator<Item = u16> + Clone {
    let ports = slice.ports.iter().flatten();
    ports.filter_map(|port| u16::try_from(port.port?).ok())
}
