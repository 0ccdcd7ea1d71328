//! The addresses of the Nodes that run proxies: what is known without being told.
//!
//! Proxies are Pods in the controller's namespace, and are looked for again and again while this
//! controller leads. A Node is read by its name only, so that no right to list Nodes is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::address::{Addresses, ip};
use crate::refusal::refusal;
use portreeve_process::say;

/// How often Pods are looked for.
const LOOK: Duration = Duration::from_secs(10);
/// For how long the address of a Node is believed: it hardly ever changes. That there is none of
/// the type that is written, or none at all, is not believed: it may be there a moment later.
const FRESH: Duration = Duration::from_secs(300);
/// How long the API server has for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which address of a Node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeAddress {
    /// The external one, and where there is none, the internal one.
    External,
    /// The internal one, which clients of a private network reach.
    Internal,
}

impl NodeAddress {
    /// Its type in the status of a Node.
    fn as_str(self) -> &'static str {
        match self {
            Self::External => "ExternalIP",
            Self::Internal => "InternalIP",
        }
    }
}

/// Where proxies run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// The namespace of their Pods.
    pub namespace: String,
    /// Their labels, as a label selector.
    pub selector: String,
    /// Which addresses of their Nodes count.
    pub address: NodeAddress,
}

/// Why the addresses are not known.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("{}; allow this ServiceAccount to list pods in its namespace and to get nodes (deploy/node-addresses), or give --publish-service or --publish-status-address", refusal(.0))]
    Api(#[from] kube::Error),
    #[error("no answer in {} s; it is tried again", .0.as_secs())]
    Timeout(Duration),
    #[error("no ready Pod has the labels of --proxy-selector")]
    NoProxy,
    #[error(
        "no Node of a ready proxy has an address of the types that are written; see kubectl get nodes -o wide, or give --publish-service or --publish-status-address"
    )]
    NoAddress,
}

/// Looks for the addresses of Nodes.
pub(super) struct Lookout {
    client: Client,
    proxies: Proxies,
    /// The address of each Node that has one of the type that is written, and when it was read.
    known: BTreeMap<String, (String, Instant)>,
    /// What went wrong last, as long as it does.
    said: Option<String>,
}

impl Lookout {
    pub(super) fn new(client: Client, proxies: Proxies) -> Self {
        Self {
            client,
            proxies,
            known: BTreeMap::new(),
            said: None,
        }
    }

    /// Tells of the addresses for as long as somebody listens.
    pub(super) async fn run(mut self, found: watch::Sender<Option<Addresses>>) {
        while !found.is_closed() {
            let is_known = found.borrow().is_some();
            match self.look(Instant::now()).await {
                // That there are none any more is known, but a selector may be wrong from the start.
                Ok(Some(addresses)) if addresses.is_empty() && !is_known => {
                    self.complain(&LookError::NoProxy.to_string());
                }
                Ok(Some(addresses)) => {
                    self.said = None;
                    let addresses = Some(addresses);
                    found.send_if_modified(|was| {
                        let is_news = *was != addresses;
                        *was = addresses;
                        is_news
                    });
                }
                // What was true stays true until something else is known.
                Ok(None) => self.said = None,
                Err(error) => self.complain(&error.to_string()),
            }
            sleep(LOOK).await;
        }
    }

    /// The addresses now, none when there is no proxy; `None` when there are proxies and none of
    /// them is ready, which is for them to mend and not for DNS.
    async fn look(&mut self, now: Instant) -> Result<Option<Addresses>, LookError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.proxies.namespace);
        // From what the API server has at hand: it is asked often.
        let params = ListParams::default().match_any();
        let params = params.labels(&self.proxies.selector);
        let pods = ask(pods.list(&params)).await?.items;
        let Some(names) = nodes(&pods) else {
            return Ok(None);
        };
        self.known
            .retain(|name, (_, read)| names.contains(name.as_str()) && now < *read + FRESH);
        let mut addresses = Addresses::new();
        for name in &names {
            let address = self.address(name, now).await?;
            addresses.extend(address.and_then(|address| ip(&address)));
        }
        match addresses.is_empty() && !names.is_empty() {
            true => Err(LookError::NoAddress),
            false => Ok(Some(addresses)),
        }
    }

    async fn address(&mut self, name: &str, now: Instant) -> Result<Option<String>, LookError> {
        if let Some((address, _)) = self.known.get(name) {
            return Ok(Some(address.clone()));
        }
        let all: Api<Node> = Api::all(self.client.clone());
        let Some(node) = ask(all.get_opt(name)).await? else {
            return Ok(None);
        };
        let which = self.proxies.address;
        let Some(wanted) = address(&node, which) else {
            return Ok(instead(&node, which));
        };
        self.known.insert(name.into(), (wanted.clone(), now));
        Ok(Some(wanted))
    }

    /// Says what is wrong, once, until all is well or something else is wrong.
    fn complain(&mut self, error: &str) {
        if self.said.as_deref() != Some(error) {
            say(format_args!(
                "the addresses of Nodes are not known, so statuses stay: {error}"
            ));
            self.said = Some(error.into());
        }
    }
}

async fn ask<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, LookError> {
    match timeout(PATIENCE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(LookError::Timeout(PATIENCE)),
    }
}

/// The Nodes that run ready Pods; `None` when there are Pods and none of them is.
fn nodes(pods: &[Pod]) -> Option<BTreeSet<&str>> {
    let ready = pods.iter().filter(|pod| is_ready(pod));
    let nodes = ready.filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref());
    let nodes: BTreeSet<_> = nodes.collect();
    (pods.is_empty() || !nodes.is_empty()).then_some(nodes)
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let mut conditions = status
        .into_iter()
        .flat_map(|it| it.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.any(|it| it.type_ == "Ready" && it.status == "True")
}

/// The first of the type that is written, as ingress-nginx takes it.
fn address(node: &Node, which: NodeAddress) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.iter().flatten();
    let mut of_type = addresses.filter(|it| it.type_ == which.as_str());
    of_type.find_map(|it| ip(&it.address)?.ip)
}

/// What is written as long as there is no such address.
fn instead(node: &Node, which: NodeAddress) -> Option<String> {
    match which {
        NodeAddress::External => address(node, NodeAddress::Internal),
        NodeAddress::Internal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(node: Value, ready: &str, deleted: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p", "deletionTimestamp": deleted},
            "spec": {"containers": [], "nodeName": node},
            "status": {"conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]},
        }))
        .unwrap()
    }

    fn node(addresses: &[(&str, &str)]) -> Node {
        let addresses = addresses
            .iter()
            .map(|(type_, address)| json!({"type": type_, "address": address}));
        let addresses: Vec<_> = addresses.collect();
        serde_json::from_value(json!({"metadata": {}, "status": {"addresses": addresses}})).unwrap()
    }

    #[test]
    fn nodes_count_that_run_ready_proxies_and_each_once() {
        let (one, two) = (json!("n1"), json!("n2"));
        let pods = [
            pod(one.clone(), "True", Value::Null),
            pod(one, "True", Value::Null),
            pod(two.clone(), "False", Value::Null),
            pod(two, "True", json!("2026-01-01T00:00:00Z")),
            pod(Value::Null, "True", Value::Null),
        ];
        assert_eq!(
            nodes(&pods).unwrap().into_iter().collect::<Vec<_>>(),
            ["n1"]
        );
    }

    #[test]
    fn no_proxy_is_known_to_be_none_and_one_that_is_not_ready_is_not() {
        assert_eq!(nodes(&[]), Some(BTreeSet::new()));
        assert_eq!(nodes(&[pod(json!("n1"), "False", Value::Null)]), None);
    }

    #[test]
    fn the_address_of_a_node_is_chosen_as_ingress_nginx_does() {
        let both = [
            ("Hostname", "n1"),
            ("InternalIP", "10.0.0.1"),
            ("InternalIP", "fd00::1"),
            ("ExternalIP", ""),
            ("ExternalIP", "192.0.2.1"),
        ];
        for (addresses, which, expected) in [
            (&both[..], NodeAddress::External, Some("192.0.2.1")),
            (&both[..], NodeAddress::Internal, Some("10.0.0.1")),
            (&both[..3], NodeAddress::External, Some("10.0.0.1")),
            (&both[3..], NodeAddress::Internal, None),
            (&both[..1], NodeAddress::External, None),
        ] {
            let node = node(addresses);
            let address = address(&node, which).or_else(|| instead(&node, which));
            assert_eq!(address.as_deref(), expected, "{addresses:?} {which:?}");
        }
    }
}
