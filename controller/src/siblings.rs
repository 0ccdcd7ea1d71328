//! How many controllers there are beside this one.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::timeout;

use crate::refusal::refusal;
use portreeve_process::say;

/// How long the API server has to say so: the process is about to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Labels that tell Pods of one kind apart, and not one kind from another.
const OWN: [&str; 4] = [
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];

/// How many others there are in the namespace that will go on; `None` when that cannot be known,
/// as when this is no Pod.
pub(crate) async fn others(client: Client, namespace: &str, name: &str) -> Option<usize> {
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let why = match timeout(PATIENCE, pods.list(&ListParams::default())).await {
        Ok(Ok(pods)) => return count(&pods.items, name),
        Ok(Err(error)) => refusal(&error),
        Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
    };
    say(format_args!(
        "whether other controllers go on is not known, so statuses stay: {why}; allow this ServiceAccount to list pods in {namespace}"
    ));
    None
}

/// The Pods that have every label that the one called `name` has, without those that are ending.
fn count(pods: &[Pod], name: &str) -> Option<usize> {
    let is_own = |pod: &&Pod| pod.metadata.name.as_deref() == Some(name);
    let own = labels(pods.iter().find(is_own)?);
    // Without labels, every Pod would be one of them.
    if own.is_empty() {
        return None;
    }
    let others = pods.iter().filter(|pod| !is_own(pod) && goes_on(pod));
    let others = others.filter(|pod| {
        let labels = labels(pod);
        own.iter()
            .all(|(name, value)| labels.get(name) == Some(value))
    });
    Some(others.count())
}

fn goes_on(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn labels(pod: &Pod) -> BTreeMap<&str, &str> {
    let labels = pod.metadata.labels.iter().flatten();
    let labels = labels.map(|(name, value)| (name.as_str(), value.as_str()));
    labels.filter(|(name, _)| !OWN.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(name: &str, labels: Value) -> Value {
        json!({"metadata": {"name": name, "labels": labels}})
    }

    fn of(pods: &[Value]) -> Option<usize> {
        let pods = pods.iter().cloned().map(serde_json::from_value);
        count(&pods.collect::<Result<Vec<_>, _>>().unwrap(), "me")
    }

    #[test]
    fn pods_of_the_same_deployment_count_and_of_any_of_its_versions() {
        let me = pod("me", json!({"app": "controller", "pod-template-hash": "1"}));
        let new = pod(
            "new",
            json!({"app": "controller", "pod-template-hash": "2", "more": "x"}),
        );
        let proxy = pod("proxy", json!({"app": "proxy", "pod-template-hash": "1"}));
        assert_eq!(of(&[me.clone(), new, proxy.clone()]), Some(1));
        assert_eq!(of(&[me, proxy]), Some(0));
    }

    #[test]
    fn who_is_ending_too_does_not_count() {
        let labels = json!({"app": "controller"});
        let (me, mut going, mut failed) = (
            pod("me", labels.clone()),
            pod("a", labels.clone()),
            pod("b", labels),
        );
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        failed["status"] = json!({"phase": "Failed"});
        assert_eq!(of(&[me, going, failed]), Some(0));
    }

    #[test]
    fn nothing_is_known_of_what_is_no_pod_or_has_no_labels() {
        assert_eq!(of(&[pod("other", json!({"app": "controller"}))]), None);
        assert_eq!(
            of(&[pod("me", json!({})), pod("other", json!({"app": "x"}))]),
            None
        );
    }
}
