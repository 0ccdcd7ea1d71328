//! The largest Ingresses that the API server takes are looked at within what it grants a policy.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::with_policies;
use crate::corner::Corner;

/// What all annotations of an object may come to, in bytes.
const ANNOTATIONS: usize = 250_000;

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn the_largest_annotations_are_looked_at() {
    let corner = Corner::make(with_policies().await, "sizes", Some("*")).await;
    for (key, value, policy) in [
        (
            "portreeve.dev/server-snippet",
            "x",
            Some("portreeve-snippets"),
        ),
        ("portreeve.dev/server-snippet", " ", None),
        (
            "portreeve.dev/auth-secret",
            "a/",
            Some("portreeve-references"),
        ),
        ("portreeve.dev/auth-secret", "a", None),
        ("portreeve.dev/auth-realm", "x", None),
        ("portreeve.dev/server-alias", "a,", None),
    ] {
        let value = value.repeat(ANNOTATIONS / value.len());
        let said = corner.refusal(&corner.ingress(&[(key, &value)])).await;
        let by = said.map(|said| said.policy);
        assert_eq!(by.as_deref(), policy, "{key}");
    }
}

/// A list of so many entries, every other of them a wildcard; the last is `*.d.example`.
fn list(entries: usize) -> String {
    let others = (1..entries).map(|n| match n % 2 {
        0 => format!("x{n}.example"),
        _ => format!("*.x{n}.example"),
    });
    let last = ["*.d.example".to_string()];
    others.chain(last).collect::<Vec<_>>().join(",")
}

/// An Ingress with so many hosts below a name.
fn with_hosts(corner: &Corner, hosts: usize, below: &str) -> Value {
    let rules = (0..hosts).map(|n| json!({"host": format!("host-{n}.{below}")}));
    let mut ingress = corner.ingress(&[]);
    ingress["spec"]["rules"] = rules.collect();
    ingress
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn many_hosts_are_looked_at() {
    let client = with_policies().await;
    for (name, list, hosts) in [
        ("hosts-star", "*", 16_000),
        ("hosts-10", &*list(10), 8_000),
        ("hosts-100", &*list(100), 1_000),
        ("hosts-1000", &*list(1_000), 100),
    ] {
        let corner = Corner::make(client.clone(), name, Some(list)).await;
        let said = corner
            .refusal(&with_hosts(&corner, hosts, "d.example"))
            .await;
        assert_eq!(said, None, "{name}");
        let said = corner
            .refusal(&with_hosts(&corner, hosts, "e.example"))
            .await;
        let not = said.map(|said| said.words.contains("not host-0.e.example, nor others."));
        assert_eq!(not, (list != "*").then_some(true), "{name}");
    }
}

/// What is too much is refused, but not what does not come to more than there was.
#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn more_hosts_than_can_be_looked_at_are_refused_where_they_are_new() {
    let client = with_policies().await;
    let corner = Corner::make(client.clone(), "hosts-too-many", Some("*")).await;
    let large = with_hosts(&corner, 8_000, "d.example");
    corner.put(&large).await;

    let namespaces: Api<Namespace> = Api::all(client);
    let now = json!({"metadata": {"annotations": {"portreeve.dev/hosts": list(1_000)}}});
    let (params, now) = (PatchParams::default(), Patch::Merge(now));
    namespaces.patch(corner.name, &params, &now).await.unwrap();
    // Nothing tells when the API server knows of the list.
    let mut probe = corner.ingress(&[]);
    probe["metadata"]["name"] = json!("probe");
    corner.until_refused("portreeve-hosts", &probe).await;

    let mut new = large.clone();
    new["metadata"]["name"] = json!("new");
    let said = corner.refusal(&new).await.unwrap();
    assert!(said.words.contains("cost limit"), "{}", said.words);
    let edit = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(corner.change("web", edit).await, None);
    let one = json!({"metadata": {"annotations": {"portreeve.dev/server-alias": "a.example"}}});
    assert!(corner.change("web", one).await.is_some());
}
