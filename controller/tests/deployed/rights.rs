//! What may be done with the rights that are given, and what was done.

use http::Request;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::api::PostParams;
use kube::{Api, Client, Config};
use serde_json::json;

use crate::place::{NAMESPACE, Place, process};

/// Verb, group/resource[/subresource], namespace and name, as far as there are any.
type Act = (&'static str, &'static str, &'static str, &'static str);

/// What the controller does.
const MAY: [Act; 15] = [
    ("watch", "networking.k8s.io/ingresses", "", ""),
    ("watch", "networking.k8s.io/ingressclasses", "", ""),
    ("watch", "/services", "", ""),
    ("watch", "discovery.k8s.io/endpointslices", "", ""),
    ("watch", "/secrets", "", ""),
    (
        "patch",
        "networking.k8s.io/ingresses/status",
        "shop",
        "my-site",
    ),
    ("create", "events.k8s.io/events", "shop", ""),
    (
        "update",
        "coordination.k8s.io/leases",
        NAMESPACE,
        "ingress-controller-leader",
    ),
    ("create", "coordination.k8s.io/leases", NAMESPACE, ""),
    ("update", "/secrets", NAMESPACE, "portreeve-ca"),
    ("create", "/secrets", NAMESPACE, ""),
    ("watch", "/configmaps", NAMESPACE, ""),
    ("list", "/pods", NAMESPACE, ""),
    ("get", WEBHOOKS, "", "portreeve-admission"),
    ("patch", WEBHOOKS, "", "portreeve-admission"),
];

/// What the admission webhook does, which the controller does as well.
const MAY_REVIEW: [Act; 4] = [
    ("watch", "networking.k8s.io/ingresses", "", ""),
    ("watch", "networking.k8s.io/ingressclasses", "", ""),
    ("watch", "/services", "", ""),
    ("watch", "/configmaps", NAMESPACE, ""),
];

const WEBHOOKS: &str = "admissionregistration.k8s.io/validatingwebhookconfigurations";

/// What nobody of ours may do.
const MAY_NOT: [Act; 32] = [
    ("update", "networking.k8s.io/ingresses", "shop", "my-site"),
    ("patch", "networking.k8s.io/ingresses", "shop", "my-site"),
    (
        "update",
        "networking.k8s.io/ingresses/status",
        "shop",
        "my-site",
    ),
    ("delete", "networking.k8s.io/ingresses", "shop", "my-site"),
    ("patch", "networking.k8s.io/ingressclasses", "", "portreeve"),
    ("update", "/secrets", NAMESPACE, "somebodys"),
    ("delete", "/secrets", NAMESPACE, "portreeve-ca"),
    ("create", "/secrets", "shop", ""),
    ("update", "/secrets", "shop", "testsecret-tls"),
    ("get", "coordination.k8s.io/leases", NAMESPACE, "somebodys"),
    (
        "update",
        "coordination.k8s.io/leases",
        NAMESPACE,
        "somebodys",
    ),
    ("list", "coordination.k8s.io/leases", NAMESPACE, ""),
    (
        "get",
        "coordination.k8s.io/leases",
        "kube-system",
        "ingress-controller-leader",
    ),
    ("create", "coordination.k8s.io/leases", "kube-system", ""),
    ("list", "/pods", "shop", ""),
    ("get", "/pods/log", NAMESPACE, "any"),
    ("create", "/pods", NAMESPACE, ""),
    ("create", "/pods/exec", NAMESPACE, "any"),
    ("get", "/configmaps", "shop", "any"),
    ("list", "/namespaces", "", ""),
    ("list", "/nodes", "", ""),
    ("get", "/nodes", "", "node-1"),
    ("patch", "/services/status", NAMESPACE, "portreeve-proxy"),
    ("delete", "events.k8s.io/events", "shop", "any"),
    ("impersonate", "/serviceaccounts", "", ""),
    ("patch", WEBHOOKS, "", "somebodys"),
    ("update", WEBHOOKS, "", "portreeve-admission"),
    ("delete", WEBHOOKS, "", "portreeve-admission"),
    ("create", WEBHOOKS, "", ""),
    ("list", WEBHOOKS, "", ""),
    ("update", "/configmaps", NAMESPACE, "any"),
    ("create", "/configmaps", NAMESPACE, ""),
];

/// Neither in what a Pod is given nor in what its process sees.
pub(crate) async fn proxies_have_no_token(place: &Place) {
    for pod in place.until_pods("proxy", 2).await {
        let spec = pod.spec.as_ref().unwrap();
        let volumes = spec.volumes.iter().flatten();
        let names: Vec<_> = volumes.map(|volume| volume.name.as_str()).collect();
        assert_eq!(names, ["identity", "cache"]);
        let root = process(&pod, "proxy").unwrap().join("root");
        assert!(root.join("identity/tls.key").exists());
        let token = root.join("run/secrets/kubernetes.io/serviceaccount/token");
        assert!(!token.exists(), "{} exists", token.display());
    }
}

pub(crate) async fn are_no_more_than_needed() {
    let controller = account("portreeve-controller").await;
    let admission = account("portreeve-admission").await;
    let proxy = account("portreeve-proxy").await;
    for act in MAY {
        assert!(
            may(&controller, act).await,
            "the controller may not {act:?}"
        );
        assert!(!may(&proxy, act).await, "a proxy may {act:?}");
        let is_needed = MAY_REVIEW.contains(&act);
        assert_eq!(
            may(&admission, act).await,
            is_needed,
            "the webhook: {act:?}"
        );
    }
    for act in MAY_NOT {
        assert!(!may(&controller, act).await, "the controller may {act:?}");
        assert!(!may(&admission, act).await, "the webhook may {act:?}");
        assert!(!may(&proxy, act).await, "a proxy may {act:?}");
    }
}

/// What the component gives that writes the addresses of Nodes.
pub(crate) async fn of_nodes_are_to_read_one_by_one() {
    let controller = account("portreeve-controller").await;
    assert!(may(&controller, ("get", "/nodes", "", "node-1")).await);
    for verb in ["list", "watch", "patch"] {
        assert!(!may(&controller, (verb, "/nodes", "", "")).await, "{verb}");
    }
}

/// What the component gives that orders certificates: a certificate of a tenant's is never deleted, and
/// nobody else may write one.
pub(crate) async fn of_secrets_are_to_write_but_not_to_delete() {
    let controller = account("portreeve-controller").await;
    for verb in ["get", "create", "update"] {
        let act = (verb, "/secrets", "shop", "shop-tls");
        assert!(may(&controller, act).await, "{verb}");
    }
    let (theirs, own) = (
        ("delete", "/secrets", "shop", "shop-tls"),
        ("delete", "/secrets", NAMESPACE, ""),
    );
    assert!(!may(&controller, theirs).await);
    assert!(may(&controller, own).await);
    for name in ["portreeve-admission", "portreeve-proxy"] {
        let account = account(name).await;
        for verb in ["get", "create", "update", "delete"] {
            let act = (verb, "/secrets", "shop", "shop-tls");
            assert!(!may(&account, act).await, "{name} {verb}");
        }
    }
}

/// What the component gives that lets Namespaces list hosts.
pub(crate) async fn of_namespaces_are_to_read() {
    for name in ["portreeve-controller", "portreeve-admission"] {
        let account = account(name).await;
        for verb in ["get", "list", "watch"] {
            let act = (verb, "/namespaces", "", "");
            assert!(may(&account, act).await, "{name} {verb}");
        }
        let patch = ("patch", "/namespaces", "", "shop");
        assert!(!may(&account, patch).await, "{name}");
    }
}

/// Somebody with the rights of an account.
async fn account(name: &str) -> Client {
    let mut config = Config::infer().await.unwrap();
    let account = format!("system:serviceaccount:{NAMESPACE}:{name}");
    config.auth_info.impersonate = Some(account);
    Client::try_from(config).unwrap()
}

async fn may(client: &Client, (verb, what, namespace, name): Act) -> bool {
    let mut parts = what.splitn(3, '/');
    let attributes = json!({
        "verb": verb,
        "group": parts.next(),
        "resource": parts.next(),
        "subresource": parts.next().unwrap_or_default(),
        "namespace": namespace,
        "name": name,
    });
    let review = json!({"spec": {"resourceAttributes": attributes}});
    let review: SelfSubjectAccessReview = serde_json::from_value(review).unwrap();
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.unwrap().status.unwrap().allowed
}

/// Nothing was refused, as far as the API server and whoever asks it know.
pub(crate) async fn were_enough(place: &Place) {
    let request = Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = place.client.request_text(request).await.unwrap();
    let all = metrics
        .lines()
        .filter(|line| line.starts_with("apiserver_request_total{"));
    assert!(all.clone().count() > 20);
    let refused: Vec<_> = all.filter(|line| line.contains(r#"code="403""#)).collect();
    assert!(refused.is_empty(), "{refused:#?}");

    for component in ["controller", "admission"] {
        for log in place.logs(component).await {
            for word in ["forbidden", "cannot", "allow this ServiceAccount"] {
                assert!(!log.contains(word), "{component}: {log}");
            }
        }
    }
}
