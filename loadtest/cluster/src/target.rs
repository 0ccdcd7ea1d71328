//! What a connection from outside is for: an address of the cluster, or a Service of it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::net::TcpStream;

use crate::ClusterError;

/// The other end of a forward, within the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address and a port.
    Address(SocketAddr),
    /// A ready endpoint of a Service, by the Service's port.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port.
        port: u16,
    },
    /// The same of the first Service of type LoadBalancer with this port.
    LoadBalancer(u16),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?}: write NAMESPACE/SERVICE:PORT, load-balancer:PORT or ADDRESS:PORT")
        };
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        if name == "load-balancer" {
            return Ok(Self::LoadBalancer(port));
        }
        let (namespace, name) = name.split_once('/').ok_or_else(wrong)?;
        let (namespace, name) = (namespace.into(), name.into());
        Ok(Self::Service {
            namespace,
            name,
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Service {
                namespace,
                name,
                port,
            } => write!(f, "{namespace}/{name}:{port}"),
            Self::LoadBalancer(port) => write!(f, "load-balancer:{port}"),
        }
    }
}

impl Target {
    /// Connects to it, from within the cluster.
    pub(crate) async fn connect(&self, client: &Client) -> Result<TcpStream, ClusterError> {
        let address = match self {
            Self::Address(address) => *address,
            _ => self.endpoint(client).await?,
        };
        let failed = |error| ClusterError::State(format!("{self} at {address}: {error}"));
        TcpStream::connect(address).await.map_err(failed)
    }

    /// A ready endpoint, each in turn.
    async fn endpoint(&self, client: &Client) -> Result<SocketAddr, ClusterError> {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let nothing = |what| ClusterError::State(format!("{self} has no {what} yet"));
        let services: Api<Service> = Api::all(client.clone());
        let services = services.list(&ListParams::default()).await?.items;
        let found = services
            .iter()
            .find_map(|service| Some((service, self.port_of(service)?)));
        let (service, port) = found.ok_or_else(|| nothing("Service"))?;
        let meta = &service.metadata;
        let name = meta.name.as_deref().unwrap_or_default();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
        let own = ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
        let slices = slices.list(&own).await?.items;
        let all: Vec<_> = slices
            .iter()
            .flat_map(|slice| addresses(slice, port))
            .collect();
        let turn = TURN
            .fetch_add(1, Ordering::Relaxed)
            .checked_rem(all.len())
            .unwrap_or(0);
        all.get(turn)
            .copied()
            .ok_or_else(|| nothing("ready endpoint"))
    }

    /// The port that is meant, if this Service is.
    fn port_of<'a>(&self, service: &'a Service) -> Option<&'a ServicePort> {
        let (meta, spec) = (&service.metadata, service.spec.as_ref()?);
        let (it, port) = match self {
            Self::Address(_) => return None,
            Self::Service {
                namespace,
                name,
                port,
            } => {
                let named = (Some(namespace), Some(name));
                (
                    (meta.namespace.as_ref(), meta.name.as_ref()) == named,
                    *port,
                )
            }
            Self::LoadBalancer(port) => (spec.type_.as_deref() == Some("LoadBalancer"), *port),
        };
        let mut ports = spec.ports.iter().flatten();
        ports.find(|known| it && known.port == i32::from(port))
    }
}

/// The ready endpoints of a slice for a Service's port, which has the same name there.
fn addresses(slice: &EndpointSlice, port: &ServicePort) -> Vec<SocketAddr> {
    let name = port.name.as_deref().unwrap_or_default();
    let mut ports = slice.ports.iter().flatten();
    let port = ports.find(|port| port.name.as_deref().unwrap_or_default() == name);
    let Some(port) = port.and_then(|port| u16::try_from(port.port?).ok()) else {
        return Vec::new();
    };
    let endpoints = slice.endpoints.iter().flatten();
    let ready = endpoints.filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|it| it.ready) != Some(false)
    });
    let addresses = ready.filter_map(|endpoint| endpoint.addresses.first()?.parse().ok());
    addresses
        .map(|address| SocketAddr::new(address, port))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_target_is_read_as_it_was_written() {
        for text in [
            "10.244.0.1:6443",
            "[::1]:80",
            "shop/web:8080",
            "load-balancer:443",
        ] {
            assert_eq!(
                text.parse::<Target>().map(|it| it.to_string()),
                Ok(text.into())
            );
        }
        for text in ["web:80", "shop/web", "shop/web:x", ""] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_ready_endpoints_of_the_port_are_taken() {
        let slice = json!({
            "addressType": "IPv4", "metadata": {},
            "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
                {"addresses": ["10.0.0.3"]},
            ],
        });
        let slice = serde_json::from_value(slice).unwrap();
        let port = |name: &str| serde_json::from_value(json!({"name": name, "port": 80})).unwrap();
        let found: Vec<_> = addresses(&slice, &port("b"))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["10.0.0.1:2", "10.0.0.3:2"]);
        assert!(addresses(&slice, &port("c")).is_empty());
    }
}
