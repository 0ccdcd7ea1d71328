//! What was there before can be edited and deleted; only what is added is refused.

use k8s_openapi::api::networking::v1::Ingress;
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::with_policies;
use crate::corner::{Corner, Refusal};
use crate::wait::until;

const SNIPPET: &str = "nginx.ingress.kubernetes.io/configuration-snippet";
const SECRET: &str = "nginx.ingress.kubernetes.io/auth-secret";
const ALIAS: &str = "nginx.ingress.kubernetes.io/server-alias";

/// The names of Ingresses that are there before the policies are, one for each test.
const BEFORE: [&str; 3] = ["edited", "cleaned", "deleted"];
const CORNER: &str = "before";

/// Makes them: each has all that is refused later.
pub(crate) async fn before(client: &Client) {
    let corner = Corner::make(client.clone(), CORNER, None).await;
    for name in BEFORE {
        corner.put(&guilty(&corner, name)).await;
    }
}

fn guilty(corner: &Corner, name: &str) -> Value {
    let given = [
        (SNIPPET, "deny all;"),
        (SECRET, "shop/users"),
        (ALIAS, "a.example"),
    ];
    let mut ingress = corner.ingress(&given);
    ingress["metadata"]["name"] = json!(name);
    ingress
}

fn annotate(key: &str, value: impl Into<Value>) -> Value {
    let value: Value = value.into();
    json!({"metadata": {"annotations": {key: value}}})
}

fn by(refusal: Option<Refusal>) -> String {
    refusal.map_or_else(|| "nobody".into(), |refusal| refusal.policy)
}

fn rules(hosts: &[&str]) -> Value {
    let rules: Vec<_> = hosts.iter().map(|host| json!({"host": host})).collect();
    json!({"spec": {"rules": rules}})
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_an_ingress_has_already_may_stay_in_it() {
    let corner = Corner::of(with_policies().await, CORNER);
    for (change, expected) in [
        (json!({"metadata": {"labels": {"a": "b"}}}), "nobody"),
        (annotate("portreeve.dev/ssl-redirect", "false"), "nobody"),
        (annotate(SNIPPET, "deny all;"), "nobody"),
        (annotate(SNIPPET, "allow all;"), "portreeve-snippets"),
        (
            annotate("portreeve.dev/server-snippet", "deny all;"),
            "portreeve-snippets",
        ),
        (annotate(SECRET, "shop/others"), "portreeve-references"),
        (
            annotate("portreeve.dev/default-backend", "shop/web"),
            "portreeve-references",
        ),
        (annotate("portreeve.dev/default-backend", "web"), "nobody"),
        (annotate(ALIAS, "a.example,b.example"), "portreeve-hosts"),
        (
            annotate("portreeve.dev/from-to-www-redirect", "true"),
            "portreeve-hosts",
        ),
        (rules(&["shop.example", "b.example"]), "portreeve-hosts"),
        // A host that it has in one place it may have in another.
        (rules(&["a.example", "shop.example"]), "nobody"),
        (
            json!({"spec": {"tls": [{"hosts": ["shop.example"]}]}}),
            "nobody",
        ),
        (
            json!({"spec": {"tls": [{"hosts": ["b.example"]}]}}),
            "portreeve-hosts",
        ),
    ] {
        let said = corner.change("edited", change.clone()).await;
        assert_eq!(by(said), expected, "{change}");
    }
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    let (params, patch) = (PatchParams::default(), Patch::Merge(status));
    let told = corner.ingresses.patch_status("edited", &params, &patch);
    assert!(told.await.is_ok());
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_was_taken_out_is_not_put_back() {
    let corner = Corner::of(with_policies().await, CORNER);
    for (out, back, expected) in [
        (
            annotate(SNIPPET, Value::Null),
            annotate(SNIPPET, "deny all;"),
            "portreeve-snippets",
        ),
        (
            annotate(SECRET, "users"),
            annotate(SECRET, "shop/users"),
            "portreeve-references",
        ),
        (
            annotate(ALIAS, Value::Null),
            annotate(ALIAS, "a.example"),
            "portreeve-hosts",
        ),
    ] {
        assert_eq!(corner.change("cleaned", out).await, None);
        assert_eq!(by(corner.change("cleaned", back).await), expected);
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_another_class_allowed_does_not_come_along() {
    let client = with_policies().await;
    let anywhere = Corner::make(client.clone(), "moved", Some("*")).await;
    let nowhere = Corner::make(client, "moved-hosts", None).await;
    for (corner, key, value, policy) in [
        (&anywhere, SNIPPET, "deny all;", "portreeve-snippets"),
        (&anywhere, SECRET, "shop/users", "portreeve-references"),
        (&nowhere, "example.com/nothing", "", "portreeve-hosts"),
    ] {
        let mut theirs = corner.ingress(&[(key, value)]);
        theirs["metadata"]["name"] = json!(policy);
        theirs["spec"]["ingressClassName"] = json!("other");
        corner.put(&theirs).await;
        let edit = json!({"metadata": {"labels": {"a": "b"}}});
        assert_eq!(corner.change(policy, edit).await, None);
        let to_us = json!({"spec": {"ingressClassName": "portreeve"}});
        assert_eq!(by(corner.change(policy, to_us).await), policy);
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_is_being_deleted_goes() {
    let corner = Corner::of(with_policies().await, CORNER);
    let finalizers = |names: &[&str]| json!({"metadata": {"finalizers": names}});
    let held = finalizers(&["tests.example/held"]);
    assert_eq!(corner.change("deleted", held).await, None);
    let params = DeleteParams::default();
    corner.ingresses.delete("deleted", &params).await.unwrap();
    // It is served until then, so it is no way past the policies.
    let worse = annotate(SNIPPET, "allow all;");
    assert_eq!(
        by(corner.change("deleted", worse).await),
        "portreeve-snippets"
    );
    assert_eq!(corner.change("deleted", finalizers(&[])).await, None);
    until("it is gone", async || {
        let left: Option<Ingress> = corner.ingresses.get_opt("deleted").await.unwrap();
        left.is_none()
    })
    .await;
}
