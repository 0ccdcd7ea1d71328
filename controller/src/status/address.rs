//! Where the proxies can be reached, from where it is known: ingress-nginx's rules.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress;
use portreeve_translate::ObjectKey;

use super::nodes::{NodeAddress, Proxies};
use super::seen::ServiceNow;
use crate::options::Options;

/// A list as it is written.
pub(super) type Addresses = Vec<IngressLoadBalancerIngress>;

/// Where it is known from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From flags.
    Given(Vec<String>),
    /// From the Service that leads to the proxies.
    Service(ObjectKey),
    /// From the Nodes that run proxies.
    Nodes(Proxies),
}

impl Source {
    /// What the flags say; `namespace` is where proxies are looked for, if they are.
    pub fn of(options: &Options, namespace: &str) -> Self {
        match &options.publish_service {
            _ if !options.publish_status_address.is_empty() => {
                Self::Given(options.publish_status_address.clone())
            }
            Some(service) => Self::Service(service.clone()),
            None => Self::Nodes(Proxies {
                namespace: namespace.into(),
                selector: options.proxy_selector.clone(),
                address: match options.report_node_internal_ip_address {
                    true => NodeAddress::Internal,
                    false => NodeAddress::External,
                },
            }),
        }
    }

    /// The Service that has to be watched for it.
    pub fn service(&self) -> Option<&ObjectKey> {
        match self {
            Self::Service(key) => Some(key),
            Self::Given(_) | Self::Nodes(_) => None,
        }
    }

    /// The proxies whose Nodes have to be looked for.
    pub(super) fn proxies(&self) -> Option<&Proxies> {
        match self {
            Self::Nodes(proxies) => Some(proxies),
            Self::Given(_) | Self::Service(_) => None,
        }
    }
}

/// What statuses should say, sorted and each address once; `None` when that is not known.
pub(super) fn desired(
    source: &Source,
    service: Option<&ServiceNow>,
    nodes: Option<&Addresses>,
) -> Option<Addresses> {
    let mut addresses = match source {
        Source::Given(given) => given
            .iter()
            .filter_map(|text| given_address(text))
            .collect(),
        Source::Service(_) => of_service(service?),
        Source::Nodes(_) => nodes?.clone(),
    };
    sort(&mut addresses);
    addresses.dedup();
    Some(addresses)
}

/// The order of ingress-nginx: by name, then by address, as text.
pub(super) fn sort(addresses: &mut [IngressLoadBalancerIngress]) {
    addresses.sort_by(|a, b| (&a.hostname, &a.ip).cmp(&(&b.hostname, &b.ip)));
}

fn of_service(now: &ServiceNow) -> Addresses {
    let Some(spec) = &now.service.spec else {
        return Addresses::new();
    };
    let external = spec.external_ips.iter().flatten();
    let external = external.filter_map(|address| ip(address));
    // A Service without one has "None" here, which is no address.
    let cluster = spec.cluster_ip.as_deref().and_then(ip);
    match spec.type_.as_deref() {
        Some("LoadBalancer") => {
            let balancers = now.load_balancer.iter();
            let balancers = balancers.filter_map(|balancer| {
                let hostname = balancer.hostname.as_deref().and_then(hostname);
                let address = balancer.ip.as_deref().and_then(ip);
                one(address.and_then(|address| address.ip), hostname)
            });
            let mut all: Addresses = balancers.collect();
            for address in external {
                if !all.iter().any(|known| known.ip == address.ip) {
                    all.push(address);
                }
            }
            all
        }
        Some("NodePort") => {
            let external: Addresses = external.collect();
            match external.is_empty() {
                true => cluster.into_iter().collect(),
                false => external,
            }
        }
        Some("ExternalName") => {
            let name = spec.external_name.as_deref().and_then(hostname);
            one(None, name).into_iter().collect()
        }
        // ClusterIP, which is also what a Service without a type is.
        _ => cluster.into_iter().collect(),
    }
}

fn given_address(text: &str) -> Option<IngressLoadBalancerIngress> {
    ip(text).or_else(|| one(None, hostname(text)))
}

/// An IP address as the API server writes it; it refuses other writings.
pub(super) fn ip(text: &str) -> Option<IngressLoadBalancerIngress> {
    let address: IpAddr = text.trim().parse().ok()?;
    one(Some(address.to_string()), None)
}

/// A name as the API server takes it.
fn hostname(text: &str) -> Option<String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

fn one(ip: Option<String>, hostname: Option<String>) -> Option<IngressLoadBalancerIngress> {
    let ports = None;
    let is_some = ip.is_some() || hostname.is_some();
    is_some.then_some(IngressLoadBalancerIngress {
        hostname,
        ip,
        ports,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};
    use std::sync::Arc;

    /// Addresses as short text: names have an `=` before them.
    fn text(addresses: Option<Addresses>) -> Option<Vec<String>> {
        let text = |address: &IngressLoadBalancerIngress| {
            assert_eq!(address.ports, None);
            let name = address.hostname.iter().map(|name| format!("={name}"));
            address
                .ip
                .clone()
                .into_iter()
                .chain(name)
                .collect::<String>()
        };
        addresses.map(|all| all.iter().map(text).collect())
    }

    fn service(spec: Value, load_balancer: Value) -> ServiceNow {
        ServiceNow {
            service: Arc::new(serde_json::from_value(json!({"spec": spec})).unwrap()),
            load_balancer: serde_json::from_value(load_balancer).unwrap(),
        }
    }

    #[test]
    fn given_addresses_are_sorted_and_written_once() {
        let given = [
            "10.0.0.2",
            "B.example.",
            "a.example",
            " 10.0.0.1",
            "",
            "FD00:0::1",
            "10.0.0.2",
        ];
        let given = Source::Given(given.map(String::from).into());
        let expected = [
            "10.0.0.1",
            "10.0.0.2",
            "fd00::1",
            "=a.example",
            "=b.example",
        ];
        assert_eq!(text(desired(&given, None, None)).unwrap(), expected);
    }

    #[test]
    fn a_service_says_it_by_its_type() {
        let (none, ips) = (json!([]), json!(["192.0.2.2", "192.0.2.1"]));
        let balancers = json!([
            {"ip": "192.0.2.9"}, {"hostname": "lb.example"}, {"ip": "192.0.2.2", "hostname": "two.example"}, {},
        ]);
        let balancer = |external| json!({"type": "LoadBalancer", "clusterIP": "10.1.0.1", "externalIPs": external});
        for (spec, load_balancer, expected) in [
            (balancer(json!([])), &none, vec![]),
            (balancer(ips.clone()), &none, vec!["192.0.2.1", "192.0.2.2"]),
            (
                balancer(ips.clone()),
                &balancers,
                vec![
                    "192.0.2.1",
                    "192.0.2.9",
                    "=lb.example",
                    "192.0.2.2=two.example",
                ],
            ),
            (
                json!({"type": "NodePort", "clusterIP": "10.1.0.1"}),
                &none,
                vec!["10.1.0.1"],
            ),
            (
                json!({"type": "NodePort", "clusterIP": "10.1.0.1", "externalIPs": ips}),
                &none,
                vec!["192.0.2.1", "192.0.2.2"],
            ),
            (
                json!({"type": "ClusterIP", "clusterIP": "10.1.0.1"}),
                &balancers,
                vec!["10.1.0.1"],
            ),
            (json!({"clusterIP": "None"}), &none, vec![]),
            (
                json!({"type": "ExternalName", "externalName": "Edge.example."}),
                &none,
                vec!["=edge.example"],
            ),
        ] {
            let source = Source::Service(ObjectKey::new("portreeve", "proxy"));
            let now = service(spec.clone(), load_balancer.clone());
            assert_eq!(
                text(desired(&source, Some(&now), None)).unwrap(),
                expected,
                "{spec}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_not_said_to_be_nothing() {
        let source = Source::Service(ObjectKey::new("portreeve", "proxy"));
        assert_eq!(desired(&source, None, None), None);
        let source = Source::of(&options(&[]), "portreeve");
        assert_eq!(desired(&source, None, None), None);
    }

    fn options(flags: &[&str]) -> Options {
        Options::try_parse_from(["portreeve-controller"].iter().chain(flags)).unwrap()
    }

    #[test]
    fn nodes_are_the_last_source() {
        let all = |flags: &[&str]| Source::of(&options(flags), "portreeve");
        assert_eq!(
            all(&["--publish-status-address=10.0.0.1"]),
            Source::Given(vec!["10.0.0.1".into()])
        );
        let service = all(&["--publish-service=portreeve/proxy"]);
        assert_eq!(
            service.service(),
            Some(&ObjectKey::new("portreeve", "proxy"))
        );
        let external = all(&[]);
        assert_eq!(external.proxies().unwrap().address, NodeAddress::External);
        assert_eq!(external.proxies().unwrap().namespace, "portreeve");
        let internal = all(&["--report-node-internal-ip-address"]);
        assert_eq!(internal.proxies().unwrap().address, NodeAddress::Internal);
        let addresses = ["10.0.0.2", "10.0.0.1", "10.0.0.2"];
        let addresses = addresses.iter().filter_map(|text| ip(text)).collect();
        let written = desired(&external, None, Some(&addresses));
        assert_eq!(text(written).unwrap(), ["10.0.0.1", "10.0.0.2"]);
    }
}
