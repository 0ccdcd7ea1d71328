//! The site of `examples/quickstart`, with backends that a cluster has.

use std::process::Command;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::place::{Object, Place, asked, ip};

/// What a load balancer would give the proxies.
pub(crate) const ADDRESS: &str = "192.0.2.10";

const NAMESPACE: &str = "shop";

fn shops<K: Object>(place: &Place) -> Api<K> {
    Api::namespaced(place.client.clone(), NAMESPACE)
}

/// Makes everything that the site consists of.
pub(crate) async fn open(place: &Place) {
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    let shop = object(json!({"metadata": {"name": NAMESPACE}}));
    namespaces
        .create(&PostParams::default(), &shop)
        .await
        .unwrap();
    let files = [
        "loadtest/cluster/quickstart.yaml",
        "examples/quickstart/ingress.yaml",
        "examples/quickstart/testsecret-tls.yaml",
    ];
    for file in files {
        place.kubectl(&["-n", NAMESPACE, "apply", "-f", file]);
    }
}

/// Each host and path leads to its backend, with TLS and without.
pub(crate) async fn is_served_by_every_proxy(place: &Place) {
    for proxy in place.until_pods("proxy", 2).await {
        let ip = ip(&proxy);
        for (url, expected) in [
            ("http://www.my-site.com:8080/", "service: www-"),
            ("http://wear.my-site.com:8080/", "HTTP/1.1 308"),
            ("https://wear.my-site.com:8443/", "service: shop-"),
            ("https://wear.my-site.com:8443/testpath", "service: test-"),
            ("https://wear.my-site.com:8443/watch/x", "request: GET /x"),
            ("https://travel.my-site.com:8443/", "service: travel-"),
            ("http://nobody.example:8080/", "service: default-"),
        ] {
            asked(url, || async {
                let said = curl(&ip, url);
                said.contains(expected).then_some(()).ok_or(said)
            })
            .await;
        }
    }
}

/// Head and body; `ip` stands for DNS.
fn curl(ip: &str, url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sik", "--max-time", "5", "--connect-to"]);
    // A port of its own for each is what is asked for anyway.
    let said = curl.args([&format!("::{ip}:"), url]).output().unwrap();
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// What the Service of the proxies is given is in the status of the Ingress.
pub(crate) async fn has_the_address_of_the_proxies(place: &Place) {
    let given = json!({"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}});
    let services = place.ours::<Service>();
    let (name, params) = ("portreeve-proxy", PatchParams::default());
    services
        .patch_status(name, &params, &Patch::Merge(given))
        .await
        .unwrap();
    has_the_address(place, ADDRESS).await;
}

/// The status of the Ingress says this and nothing else.
pub(crate) async fn has_the_address(place: &Place, address: &str) {
    let is_there = |ingress: &Ingress| (said(ingress) == [address]).then_some(());
    place.until(shops(place), "my-site", is_there).await;
}

pub(crate) async fn has_no_address(place: &Place) {
    let is_gone = |ingress: &Ingress| said(ingress).is_empty().then_some(());
    place.until(shops(place), "my-site", is_gone).await;
}

/// The addresses that the status of the Ingress has now.
pub(crate) async fn addresses(place: &Place) -> Vec<String> {
    said(&shops(place).get("my-site").await.unwrap())
}

fn said(ingress: &Ingress) -> Vec<String> {
    let balancer = ingress
        .status
        .as_ref()
        .and_then(|it| it.load_balancer.as_ref());
    let all = balancer
        .into_iter()
        .flat_map(|it| it.ingress.iter().flatten());
    all.filter_map(|address| address.ip.clone()).collect()
}

/// An Ingress to a Service that has gone is told of in an Event.
pub(crate) async fn says_what_is_wrong(place: &Place) {
    let backend = json!({"service": {"name": "missing", "port": {"number": 80}}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
    let rule = json!({"host": "lost.example", "http": {"paths": [path]}});
    let ingress = object::<Ingress>(json!({
        "metadata": {"name": "lost"},
        "spec": {"ingressClassName": "portreeve", "rules": [rule]},
    }));
    // While it is missing, the Ingress would be refused.
    let service = json!({"metadata": {"name": "missing"}, "spec": {"ports": [{"port": 80}]}});
    let (services, params): (Api<Service>, _) = (shops(place), PostParams::default());
    services.create(&params, &object(service)).await.unwrap();
    let ingresses: Api<Ingress> = shops(place);
    ingresses.create(&params, &ingress).await.unwrap();
    let params = DeleteParams::default();
    services.delete("missing", &params).await.unwrap();
    let is_said = |event: &Event| {
        let regarding = event.regarding.as_ref()?;
        let is_it = regarding.kind.as_deref() == Some("Ingress")
            && regarding.name.as_deref() == Some("lost");
        let note = event.note.clone().filter(|_| is_it)?;
        note.contains("missing").then_some(())
    };
    place.until_any(shops(place), is_said).await;
}

/// The API server itself refuses raw configuration of nginx, and says what to do.
pub(crate) async fn is_refused_a_snippet(place: &Place) {
    let backend = json!({"service": {"name": "www", "port": {"number": 80}}});
    let snippet = json!({"nginx.ingress.kubernetes.io/server-snippet": "deny all;"});
    let ingress = object::<Ingress>(json!({
        "metadata": {"name": "snippet", "annotations": snippet},
        "spec": {"ingressClassName": "portreeve", "defaultBackend": backend},
    }));
    let ingresses: Api<Ingress> = shops(place);
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    // A policy holds some time after it was made.
    asked("a snippet is refused", || async {
        match ingresses.create(&params, &ingress).await {
            Err(kube::Error::Api(status)) => {
                let expected = "denied request: metadata.annotations[nginx.ingress.kubernetes.io/server-snippet]: ";
                let is_it = status.message.contains(expected);
                is_it.then_some(()).ok_or(status.message)
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// As long as the Namespace lists no host, that is told of in an Event.
pub(crate) async fn may_not_use_its_hosts(place: &Place) {
    let is_said = |event: &Event| {
        let regarding = event.regarding.as_ref()?;
        let is_it = regarding.name.as_deref() == Some("my-site");
        (is_it && event.reason.as_deref() == Some("HostNotAllowed")).then_some(())
    };
    place.until_any(shops(place), is_said).await;
}

/// A setting of a class that is none is told of in an Event about the class.
pub(crate) async fn has_a_class_with_a_wrong_setting(place: &Place) {
    let map = json!({"metadata": {"name": "legacy-class"}, "data": {"profile": "nice"}});
    let maps = place.ours::<ConfigMap>();
    maps.create(&PostParams::default(), &object(map))
        .await
        .unwrap();
    let parameters = json!({
        "kind": "ConfigMap", "name": "legacy-class", "scope": "Namespace", "namespace": "portreeve",
    });
    let class = json!({
        "metadata": {"name": "legacy"},
        "spec": {"controller": "portreeve.dev/ingress-controller", "parameters": parameters},
    });
    let classes: Api<IngressClass> = Api::all(place.client.clone());
    classes
        .create(&PostParams::default(), &object(class))
        .await
        .unwrap();
    // What has no namespace is told of in this one.
    let events = Api::namespaced(place.client.clone(), "default");
    let is_said = |event: &Event| {
        let regarding = event.regarding.as_ref()?;
        let is_it = regarding.kind.as_deref() == Some("IngressClass");
        let note = event.note.clone().filter(|_| is_it)?;
        note.contains("nice").then_some(())
    };
    place.until_any(events, is_said).await;
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}
