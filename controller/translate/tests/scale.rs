//! Ten thousand Ingresses, a thousand Services and five thousand endpoints in well under a second.

#![cfg(test)]

use std::time::{Duration, Instant};

use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Options, Snapshot, translate};

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
    let started = Instant::now();
    let translation = translate(&snapshot, &Options::standalone());
    let translated = started.elapsed();
    println!("read in {parsed:?}, translated in {translated:?}");
    assert_eq!(translation.diagnostics, []);
    assert_eq!(translation.config.hosts.len(), INGRESSES + 1);
    assert_eq!(translation.config.upstreams.len(), 1000);
    assert!(translated < LIMIT, "{translated:?}");
}
