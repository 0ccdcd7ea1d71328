//! That both lanes come to the same, and when the fast one must leave it to the other.

use super::*;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use portreeve_translate::Object;
use serde_json::{Value, json};

/// Two Services, of which one has two ports and a cluster address that an Ingress asks for, with
/// these slices of the first.
fn snapshot(slices: &[Value]) -> Snapshot {
    let backend = |name, port| json!({"service": {"name": name, "port": {"number": port}}});
    let path = |path, backend| json!({"path": path, "pathType": "Prefix", "backend": backend});
    let ingress = |name: &str, key: &str, paths: Value| -> Object {
        let annotations = json!({key: "true"});
        let meta = json!({"namespace": "shop", "name": name, "annotations": annotations});
        let rule = json!({"host": format!("{name}.x"), "http": {"paths": paths}});
        let spec = json!({"rules": [rule]});
        let ingress = json!({"metadata": meta, "spec": spec});
        serde_json::from_value::<Ingress>(ingress).unwrap().into()
    };
    let service = |name: &str| -> Object {
        let port = |name, port, target| json!({"name": name, "port": port, "targetPort": target});
        let ports = json!([port("http", 80, json!(8080)), port("api", 81, json!("api"))]);
        let spec = json!({"clusterIP": "10.96.0.1", "ports": ports});
        let meta = json!({"namespace": "shop", "name": name});
        let service = json!({"metadata": meta, "spec": spec});
        serde_json::from_value::<Service>(service).unwrap().into()
    };
    let both = json!([
        path("/", backend("web", 80)),
        path("/api", backend("web", 81))
    ]);
    let other = json!([
        path("/", backend("web", 80)),
        path("/other", backend("other", 80))
    ]);
    let objects = [
        ingress("one", "portreeve.dev/use-regex", both),
        ingress("two", "portreeve.dev/service-upstream", other),
        service("web"),
        service("other"),
    ];
    let slices = slices.iter().map(|slice| -> Object {
        let slice = serde_json::from_value::<EndpointSlice>(slice.clone());
        slice.unwrap().into()
    });
    Snapshot::from_objects(objects.into_iter().chain(slices)).0
}

/// A translation without anything kept.
fn routes(
    last: Option<&Published>,
    snapshot: &Snapshot,
    options: &Options,
    now: SystemTime,
) -> Option<Published> {
    super::routes(&mut Memo::default(), last, snapshot, options, now)
}

fn slice(name: &str, addresses: &[&str], conditions: &Value, port: &Value) -> Value {
    let labels = json!({"kubernetes.io/service-name": "web"});
    let endpoints = addresses
        .iter()
        .map(|ip| json!({"addresses": [ip], "conditions": conditions}));
    json!({
        "metadata": {"namespace": "shop", "name": name, "labels": labels},
        "addressType": "IPv4",
        "ports": [port, {"name": "api", "port": 8081}],
        "endpoints": endpoints.collect::<Vec<_>>(),
    })
}

/// Slices as they may be, among them such as something has to be said about.
fn cases() -> Vec<Vec<Value>> {
    let (ready, gone) = (json!({"ready": true}), json!({"ready": false}));
    let draining = json!({"ready": false, "serving": true, "terminating": true});
    let (http, none) = (
        json!({"name": "http", "port": 8080}),
        json!({"name": "other", "port": 1}),
    );
    vec![
        vec![],
        vec![slice("a", &["10.0.0.1"], &ready, &http)],
        vec![slice("a", &["10.0.0.1", "10.0.0.2"], &ready, &http)],
        vec![
            slice("a", &["10.0.0.1"], &ready, &http),
            slice("b", &["10.0.0.3", "10.0.0.1"], &draining, &http),
        ],
        vec![slice("a", &["10.0.0.1"], &gone, &http)],
        vec![slice("a", &["10.0.0.1"], &ready, &none)],
        vec![slice("a", &["127.0.0.1", "10.0.0.2"], &ready, &http)],
        vec![slice("a", &["169.254.169.254"], &ready, &http)],
    ]
}

#[test]
fn the_lane_of_endpoints_comes_to_what_a_whole_translation_does() {
    let (options, now) = (Options::standalone(), UNIX_EPOCH);
    let services = [ObjectKey::new("shop", "web")].into();
    let (mut alone, mut needed) = (0, 0);
    for before in cases() {
        let last = routes(None, &snapshot(&before), &options, now).unwrap();
        for after in cases() {
            let after = snapshot(&after);
            let whole = routes(None, &after, &options, now).unwrap();
            let lane = endpoints(&last, &after, &services, &options, now);
            let published = lane.published.as_ref().unwrap_or(&last);
            if lane.needs_routes {
                // Something is to be said that was not.
                let said = &last.translation.diagnostics;
                let found = &whole.translation.diagnostics;
                assert!(found.iter().any(|found| !said.contains(found)));
                needed += 1;
            } else {
                assert_eq!(published.translation.config, whole.translation.config);
                alone += 1;
            }
        }
    }
    assert!(alone > 40 && needed > 0, "{alone} {needed}");
}

fn cluster(api_server: &str) -> Snapshot {
    let service: Service = serde_json::from_value(json!({
        "metadata": {"namespace": "default", "name": "kubernetes"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]},
    }))
    .unwrap();
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": {
            "namespace": "default",
            "name": "kubernetes",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "ports": [{"port": 6443}],
        "endpoints": [{"addresses": [api_server]}],
    }))
    .unwrap();
    Snapshot::from_objects([service.into(), slice.into()]).0
}

#[test]
fn everything_is_translated_when_the_api_server_moves() {
    let (options, now) = (Options::default(), UNIX_EPOCH);
    let services = [ObjectKey::new("default", "kubernetes")].into();
    let first = routes(None, &cluster("10.0.0.1"), &options, now).unwrap();
    let same = endpoints(&first, &cluster("10.0.0.1"), &services, &options, now);
    assert!(same.published.is_none() && !same.needs_routes);
    let moved = endpoints(&first, &cluster("10.0.0.2"), &services, &options, now);
    assert!(moved.published.is_none() && moved.needs_routes);
    // What is published is the same then, save where requests may be sent.
    let second = routes(Some(&first), &cluster("10.0.0.2"), &options, now).unwrap();
    assert_eq!(second.number, 2);
}
