//! The cluster's one Node, always ready.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::namespace::HOST;

/// Its name.
pub(crate) const NAME: &str = "node-1";

/// Its address.
pub(crate) const ADDRESS: &str = HOST;

/// Registers the Node. Nothing watches for its heartbeats.
pub(crate) async fn register(client: &Client) -> Result<(), kube::Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let mut node = Node::default();
    node.metadata.name = Some(NAME.into());
    let label = ("kubernetes.io/hostname".into(), NAME.into());
    node.metadata.labels = Some([label].into());
    nodes.create(&PostParams::default(), &node).await?;
    // It is made with a taint, which a controller would take away that does not run here.
    let patch = Patch::Merge(json!({"spec": {"taints": null}}));
    nodes.patch(NAME, &PatchParams::default(), &patch).await?;
    let now = Time(Timestamp::now());
    let room = json!({"cpu": "64", "memory": "256Gi", "pods": "1000"});
    let status = json!({"status": {
        "capacity": room,
        "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": ADDRESS}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": super::logs::PORT}},
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
    }});
    nodes
        .patch_status(NAME, &PatchParams::default(), &Patch::Merge(status))
        .await?;
    Ok(())
}
