//! The proxies behind a Service: where each can be asked, as a CA's question would reach it.
//!
//! They are listed anew each time, and not read from what is watched: the Service may be in a
//! namespace that is not, and who has just come must be asked as well.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::api::ListParams;
use kube::{Api, Client};
use portreeve_translate::ObjectKey;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::refusal::refusal;

/// How long the API server has for one call.
const CALL: Duration = Duration::from_secs(5);
/// How long a list is good for: many orders may be under way at once.
const FRESH: Duration = Duration::from_secs(1);

/// The names of the Service's ports.
const HTTP: &str = "http";
const HTTPS: &str = "https";

/// One address of one proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Proxy {
    /// Where it takes plain requests.
    pub(super) http: Option<SocketAddr>,
    /// Where it takes TLS.
    pub(super) https: Option<SocketAddr>,
    /// Its Pod, where that is known, and its address.
    pub(super) name: String,
}

/// The proxies behind a Service.
pub(super) struct Proxies {
    client: Client,
    service: ObjectKey,
    last: Mutex<Option<(Instant, Arc<BTreeSet<Proxy>>)>>,
}

impl Proxies {
    pub(super) fn new(client: Client, service: ObjectKey) -> Self {
        Self {
            client,
            service,
            last: Mutex::default(),
        }
    }

    /// All that there are now.
    ///
    /// # Errors
    /// When there is none, or it cannot be known, with what to do.
    pub(super) async fn list(&self) -> Result<Arc<BTreeSet<Proxy>>, String> {
        let mut last = self.last.lock().await;
        let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        let all = match fresh {
            Some((_, all)) => Arc::clone(all),
            None => {
                let all = Arc::new(proxies(&self.ask().await?));
                *last = Some((Instant::now(), Arc::clone(&all)));
                all
            }
        };
        match all.is_empty() {
            true => Err(format!(
                "the Service {}, which leads to no proxy",
                self.service
            )),
            false => Ok(all),
        }
    }

    async fn ask(&self) -> Result<Vec<EndpointSlice>, String> {
        let api: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &self.service.namespace);
        let label = format!("kubernetes.io/service-name={}", self.service.name);
        let only = ListParams::default().labels(&label);
        let why = match timeout(CALL, api.list(&only)).await {
            Ok(Ok(slices)) => return Ok(slices.items),
            Ok(Err(error)) => refusal(&error),
            Err(_) => "the API server does not answer".into(),
        };
        let service = &self.service;
        Err(format!(
            "the Service {service}, whose EndpointSlices cannot be listed: {why}"
        ))
    }
}

fn proxies(slices: &[EndpointSlice]) -> BTreeSet<Proxy> {
    slices.iter().flat_map(of_slice).collect()
}

fn of_slice(slice: &EndpointSlice) -> impl Iterator<Item = Proxy> {
    let port = |name: &str| {
        let mut ports = slice.ports.iter().flatten();
        let named = ports.find(|port| port.name.as_deref() == Some(name))?;
        u16::try_from(named.port?).ok()
    };
    let (http, https) = (port(HTTP), port(HTTPS));
    let answering = slice.endpoints.iter().flatten().filter(|it| answers(it));
    answering.filter_map(move |endpoint| {
        let address: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        let pod = endpoint
            .target_ref
            .as_ref()
            .and_then(|it| it.name.as_deref());
        let at = |port: Option<u16>| port.map(|port| SocketAddr::new(address, port));
        Some(Proxy {
            http: at(http),
            https: at(https),
            name: pod.map_or_else(|| address.to_string(), |pod| format!("{pod} ({address})")),
        })
    })
}

/// Whether requests may still come to it: one that ends serves on for a while.
fn answers(endpoint: &Endpoint) -> bool {
    let Some(conditions) = &endpoint.conditions else {
        return true;
    };
    // What is not said holds, of readiness; and serving is as ready where it is not said.
    let ready = conditions.ready.unwrap_or(true);
    ready || conditions.serving.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn found(slice: Value) -> Vec<(Option<String>, Option<String>, String)> {
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        let text = |address: Option<SocketAddr>| address.map(|it| it.to_string());
        let all = proxies(&[slice]).into_iter();
        all.map(|it| (text(it.http), text(it.https), it.name))
            .collect()
    }

    fn slice(ports: &Value, endpoints: &Value) -> Value {
        json!({
            "metadata": {"name": "proxies"}, "addressType": "IPv4",
            "ports": ports, "endpoints": endpoints,
        })
    }

    #[test]
    fn a_proxy_is_asked_at_the_ports_that_the_service_leads_to() {
        let ports = json!([{"name": "https", "port": 8443}, {"name": "http", "port": 8080}]);
        let pod = json!({"kind": "Pod", "name": "proxy-1"});
        let endpoints = json!([{"addresses": ["10.0.0.1"], "targetRef": pod}]);
        let (http, https) = (Some("10.0.0.1:8080".into()), Some("10.0.0.1:8443".into()));
        let name = "proxy-1 (10.0.0.1)".to_owned();
        assert_eq!(
            found(slice(&ports, &endpoints)),
            [(http.clone(), https, name.clone())]
        );
        let ports = json!([{"name": "http", "port": 8080}]);
        assert_eq!(found(slice(&ports, &endpoints)), [(http, None, name)]);
    }

    #[test]
    fn whoever_may_still_get_requests_is_asked_and_nobody_else() {
        let ports = json!([{"name": "http", "port": 80}]);
        for (conditions, expected) in [
            (json!({}), 1),
            (json!({"ready": true}), 1),
            (
                json!({"ready": false, "serving": true, "terminating": true}),
                1,
            ),
            (json!({"ready": false, "serving": false}), 0),
            (json!({"ready": false}), 0),
        ] {
            let endpoints = json!([{"addresses": ["10.0.0.1"], "conditions": conditions}]);
            assert_eq!(
                found(slice(&ports, &endpoints)).len(),
                expected,
                "{conditions}"
            );
        }
        let none = json!([{"addresses": ["web.example"]}, {"addresses": []}]);
        assert_eq!(found(slice(&ports, &none)), []);
    }
}
