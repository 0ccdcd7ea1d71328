//! Ten thousand Ingresses, a thousand Services and five thousand endpoints in well under a second;
//! and how much is told of one endpoint among so many.

#![cfg(test)]

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use portreeve_table::{Delta, Lines};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Memo, Object, Options, Snapshot, translate, translate_again};
use serde_json::json;

/// Without optimisation everything takes many times as long, so there is less of it.
const INGRESSES: usize = if cfg!(debug_assertions) {
    2_000
} else {
    10_000
};

/// A quadratic loop takes longer.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

fn manifests() -> String {
    let services = (0..1000).map(|n| {
        let endpoints: Vec<_> =
            (0..5).map(|e| format!("{{\"addresses\":[\"10.{}.{}.{e}\"]}}", n / 250, n % 250)).collect();
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{{\"name\":\"s{n}\",\"namespace\":\"shop\"}},\"spec\":{{\"ports\":[{{\"port\":80}}]}}}}\n---\n\
             {{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{{\"name\":\"s{n}\",\"namespace\":\"shop\",\"labels\":{{\"kubernetes.io/service-name\":\"s{n}\"}}}},\"addressType\":\"IPv4\",\"ports\":[{{\"port\":8080}}],\"endpoints\":[{}]}}\n---\n",
            endpoints.join(",")
        )
    });
    let ingresses = (0..INGRESSES).map(|n| {
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i{n}\n  namespace: shop\n  annotations:\n    nginx.ingress.kubernetes.io/proxy-read-timeout: \"30\"\n    nginx.ingress.kubernetes.io/proxy-body-size: 8m\nspec:\n  rules:\n  - host: h{n}.example\n    http:\n      paths:\n      - {{path: /, pathType: Prefix, backend: {{service: {{name: s{0}, port: {{number: 80}}}}}}}}\n      - {{path: /api, pathType: Prefix, backend: {{service: {{name: s{1}, port: {{number: 80}}}}}}}}\n  - host: shared.example\n    http:\n      paths:\n      - {{path: /p{n}, pathType: Prefix, backend: {{service: {{name: s{0}, port: {{number: 80}}}}}}}}\n---\n",
            n % 1000,
            (n + 1) % 1000
        )
    });
    services.chain(ingresses).collect()
}

#[test]
fn many_ingresses_are_translated_in_time() {
    let started = Instant::now();
    let (objects, found) = manifest::parse("a.yaml", &manifests(), &Limits::default()).unwrap();
    let parsed = started.elapsed();
    assert_eq!((objects.len(), found.len()), (INGRESSES + 2000, 0));
    let (snapshot, _) = Snapshot::from_objects(objects);
    let (mut memo, options) = (Memo::default(), Options::standalone());
    let started = Instant::now();
    let translation = translate_again(&mut memo, &snapshot, &options);
    let translated = started.elapsed();
    let started = Instant::now();
    let same = translate_again(&mut memo, &snapshot, &options);
    let again = started.elapsed();
    assert_eq!(same, translation);
    println!("read in {parsed:?}, translated in {translated:?}, again in {again:?}");
    assert_eq!(translation.diagnostics, []);
    assert_eq!(translation.config.hosts.len(), INGRESSES + 1);
    assert_eq!(translation.config.upstreams.len(), 1000);
    assert!(translated < LIMIT, "{translated:?}");
}

/// How many bytes one endpoint may take on the wire.
const DELTA: usize = 2048;

fn ingress(n: usize) -> Object {
    let service = json!({"name": format!("s{}", n % 1000), "port": {"number": 80}});
    let path = |path| json!({"path": path, "pathType": "Prefix", "backend": {"service": service}});
    let http = json!({"paths": [path("/"), path("/api")]});
    let ingress: Ingress = serde_json::from_value(json!({
        "metadata": {"name": format!("i{n}"), "namespace": "shop"},
        "spec": {"rules": [{"host": format!("h{n}.example"), "http": http}]},
    }))
    .unwrap();
    ingress.into()
}

fn service(n: usize) -> Object {
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": format!("s{n}"), "namespace": "shop"},
        "spec": {"ports": [{"port": 80}]},
    }))
    .unwrap();
    service.into()
}

fn slice(n: usize, endpoints: std::ops::Range<usize>) -> Object {
    let endpoint = |e| json!({"addresses": [format!("10.{}.{}.{e}", 100 + n / 250, n % 250)]});
    let slice: EndpointSlice = serde_json::from_value(json!({
        "metadata": {"name": format!("s{n}"), "namespace": "shop", "labels": {"kubernetes.io/service-name": format!("s{n}")}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": endpoints.map(endpoint).collect::<Vec<_>>(),
    }))
    .unwrap();
    slice.into()
}

#[test]
fn one_endpoint_of_fifty_thousand_is_told_in_two_kibibytes() {
    let services = (0..1000).flat_map(|n| [service(n), slice(n, 100..150)]);
    let ingresses = (0..10_000).map(ingress);
    let (mut snapshot, _) = Snapshot::from_objects(services.chain(ingresses));
    let options = Options::standalone();
    let mut memo = Memo::default();
    let before = translate_again(&mut memo, &snapshot, &options).config;
    assert_eq!(before.hosts.len(), 10_000);
    for (what, endpoints) in [("one more", 100..151), ("one less", 101..150)] {
        snapshot.insert(slice(999, endpoints));
        let after = translate_again(&mut memo, &snapshot, &options).config;
        assert_eq!(after, translate(&snapshot, &options).config);
        let delta = Delta::between(&before.have(), &after);
        let told: Vec<_> = Lines::new(1_000_000, &delta, &[]).collect();
        let bytes: usize = told.iter().map(String::len).sum();
        println!("{what}: {bytes} bytes");
        assert_eq!((delta.upsert.len(), delta.remove.len()), (1, 0), "{what}");
        assert!(bytes <= DELTA, "{what}: {told:?}");
    }
}
