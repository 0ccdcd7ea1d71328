//! Whose a host is: of the first namespace that claims it, or of those that list it.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::events::told;
use crate::http::get;
use crate::place::Place;
use crate::stage::Stage;
use crate::wait::until;

const HOST: &str = "shop.ownership.example";

/// Two tenants of one controller: the backend `one` is the first one's, `two` is the other's.
struct Tenants {
    stage: Stage,
    other: Place,
}

impl Tenants {
    async fn start(names: [&'static str; 2], net: u8, ownership: &str) -> Self {
        let flag = format!("--host-ownership={ownership}");
        let other = Place::new(names[1], net).await;
        other.lead_to("two").await;
        let place = Place::new(names[0], net).await;
        let stage = Stage::start_with(place, &[&flag]).await;
        Self { stage, other }
    }

    /// Makes an Ingress in the namespace of a tenant, with one path on each host.
    async fn claim(&self, tenant: &Place, name: &str, path: &str, hosts: &[&str]) {
        let service = json!({"name": "web", "port": {"number": 80}});
        let path = json!({"path": path, "pathType": "Prefix", "backend": {"service": service}});
        let rule = |host| json!({"host": host, "http": {"paths": [path]}});
        let rules: Vec<_> = hosts.iter().map(rule).collect();
        let spec = json!({"ingressClassName": self.stage.place.name, "rules": rules});
        let object = json!({"metadata": {"name": name}, "spec": spec});
        tenant.make::<Ingress>(&object).await;
    }

    /// Who answers.
    async fn who(&self, host: &str, path: &str) -> String {
        let answer = get(self.stage.proxy.http, host, path).await.unwrap();
        let names = answer.body.lines();
        let name = names
            .filter_map(|line| line.strip_prefix("service: "))
            .next();
        name.map_or_else(|| answer.status.to_string(), Into::into)
    }

    async fn answers(&self, host: &str, path: &str, expected: &str) {
        until(&format!("{expected} answers {host}{path}"), async || {
            self.who(host, path).await == expected
        })
        .await;
    }

    /// Makes the list of a tenant this one, or takes it away.
    async fn list(&self, tenant: &Place, hosts: Option<&str>) {
        let annotations = json!({"portreeve.dev/hosts": hosts});
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        let all: Api<Namespace> = Api::all(tenant.client.clone());
        let params = PatchParams::default();
        all.patch(tenant.name, &params, &patch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_host_is_the_first_namespaces_until_that_lets_it_go() {
    let names = ["ownership-first-a", "ownership-first-b"];
    let tenants = Tenants::start(names, 81, "first").await;
    let (first, other) = (&tenants.stage.place, &tenants.other);
    tenants.claim(first, "site", "/", &[HOST]).await;
    tenants.answers(HOST, "/", "one").await;
    let own = "own.ownership.example";
    tenants.claim(other, "thief", "/login", &[HOST, own]).await;
    tenants.answers(own, "/login", "two").await;
    assert_eq!(tenants.who(HOST, "/login").await, "one");
    let note = told(other, other.name, "thief", "HostTaken").await;
    assert!(note.contains("ownership-first-a/site"), "{note}");
    assert!(note.starts_with("spec.rules[0].host: "), "{note}");
    println!("{note}");
    // More of the same namespace is its own.
    tenants.claim(first, "more", "/more", &[HOST]).await;
    tenants
        .claim(first, "last", "/", &["last.ownership.example"])
        .await;
    tenants.answers("last.ownership.example", "/", "one").await;
    assert_eq!(tenants.who(HOST, "/more").await, "one");

    let params = DeleteParams::default();
    let ingresses = first.api::<Ingress>();
    for name in ["site", "more"] {
        ingresses.delete(name, &params).await.unwrap();
    }
    tenants.answers(HOST, "/login", "two").await;
    // Of two of the same second the first by name is the older one.
    let late = Place::new("ownership-first-c", 81).await;
    tenants.claim(&late, "late", "/", &[HOST]).await;
    let note = told(&late, late.name, "late", "HostTaken").await;
    assert!(note.contains("ownership-first-b/thief"), "{note}");
    assert_eq!(tenants.who(HOST, "/").await, "404");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_host_is_for_the_namespaces_that_list_it_as_long_as_they_do() {
    let names = ["ownership-list-a", "ownership-list-b"];
    let tenants = Tenants::start(names, 82, "listed").await;
    let (first, other) = (&tenants.stage.place, &tenants.other);
    tenants.claim(first, "site", "/", &[HOST]).await;
    let note = told(first, first.name, "site", "HostNotAllowed").await;
    assert!(note.contains("portreeve.dev/hosts"), "{note}");
    println!("{note}");
    assert_eq!(tenants.who(HOST, "/").await, "404");

    tenants.list(first, Some("*.ownership.example")).await;
    tenants.answers(HOST, "/", "one").await;
    tenants.list(other, Some("http://x, other.example")).await;
    let note = told(other, "default", other.name, "HostListInvalid").await;
    assert!(note.contains("http://x"), "{note}");
    tenants
        .claim(other, "thief", "/login", &[HOST, "other.example"])
        .await;
    tenants.answers("other.example", "/login", "two").await;
    assert_eq!(tenants.who(HOST, "/login").await, "one");
    told(other, other.name, "thief", "HostNotAllowed").await;

    // Two may list one host, and then share it.
    tenants
        .list(other, Some("other.example, shop.ownership.example"))
        .await;
    tenants.answers(HOST, "/login", "two").await;
    assert_eq!(tenants.who(HOST, "/").await, "one");
    tenants.list(first, None).await;
    tenants.answers(HOST, "/", "404").await;
    assert_eq!(tenants.who(HOST, "/login").await, "two");
}
