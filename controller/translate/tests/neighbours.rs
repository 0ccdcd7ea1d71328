//! What is said of one Ingress among its neighbours is what is said of it among all.

#![cfg(test)]

mod support;

use k8s_openapi::api::networking::v1::Ingress;
use portreeve_translate::{
    Content, Diagnostic, HostOwnership, Kind, Neighbours, Object, ObjectKey, ObjectRef, Options,
    Profile, Snapshot, translate,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

const HOSTS: [&str; 8] = [
    "a.example",
    "www.a.example",
    "b.example",
    "x.b.example",
    "*.b.example",
    "*.example",
    "c.example",
    "",
];
const NAMESPACES: [&str; 3] = ["shop", "shop", "other"];
const PATHS: [&str; 6] = ["/", "/a", "/a/", "/a(/|$)(.*)", "/[ab]", "/("];
const TYPES: [&str; 3] = ["Exact", "Prefix", "ImplementationSpecific"];
const ASKS: [(&str, &str); 13] = [
    ("server-alias", "c.example, x.b.example"),
    ("server-alias", "www.b.example"),
    ("from-to-www-redirect", "true"),
    ("use-regex", "true"),
    ("rewrite-target", "/$1"),
    ("app-root", "/a"),
    ("whitelist-source-range", "10.0.0.0/8"),
    ("configuration-snippet", "x"),
    ("permanent-redirect", "https://c.example"),
    ("acme", "true"),
    ("acme", "true"),
    ("acme-profile", "short"),
    ("acme-profile", "long"),
];
/// Annotations of others that count.
const OTHERS: [&str; 2] = ["kubernetes.io/tls-acme", "cert-manager.io/issuer"];

fn rule() -> impl Strategy<Value = Value> {
    let path = (
        select(&PATHS[..]),
        select(&TYPES[..]),
        select(vec!["web", "api", "gone"]),
    );
    let paths = prop::collection::vec(path, 0..3);
    (select(&HOSTS[..]), paths).prop_map(|(host, paths)| {
        let path = |(path, kind, name)| {
            json!({"path": path, "pathType": kind, "backend": {"service": {"name": name, "port": {"number": 80}}}})
        };
        let paths: Vec<_> = paths.into_iter().map(path).collect();
        match paths.is_empty() {
            true => json!({"host": host}),
            false => json!({"host": host, "http": {"paths": paths}}),
        }
    })
}

prop_compose! {
    fn ingress(name: usize)(
        rules in prop::collection::vec(rule(), 0..4),
        asks in prop::collection::vec(select(&ASKS[..]), 0..3),
        others in prop::collection::vec(select(&OTHERS[..]), 0..2),
        secret in select(vec!["tls", "tls", "a-tls"]),
        tls in prop::option::of(prop::collection::vec(select(&HOSTS[..7]), 0..3)),
        default in prop::bool::weighted(0.2),
        month in 1..4,
        namespace in select(&NAMESPACES[..]),
    ) -> Value {
        let asks = asks.iter().map(|(name, value)| (format!("portreeve.dev/{name}"), json!(value)));
        let asks = asks.chain(others.into_iter().map(|name| (name.into(), json!("true"))));
        let mut spec = json!({"rules": rules});
        if let Some(hosts) = tls {
            spec["tls"] = json!([{"hosts": hosts, "secretName": secret}]);
        }
        if default {
            spec["defaultBackend"] = json!({"service": {"name": "web", "port": {"number": 80}}});
        }
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": format!("i{name}"),
                "namespace": namespace,
                "creationTimestamp": format!("2026-0{month}-01T00:00:00Z"),
                "annotations": asks.collect::<Map<_, _>>(),
            },
            "spec": spec,
        })
    }
}

fn world() -> impl Strategy<Value = Vec<Value>> {
    (0..10usize).map(ingress).collect::<Vec<_>>()
}

fn read(objects: Vec<Value>) -> Vec<Object> {
    let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
    let limits = portreeve_translate::manifest::Limits::default();
    let (objects, _) = portreeve_translate::manifest::parse("a.json", &text, &limits).unwrap();
    let without_source = |object| Object {
        source: None,
        ..object
    };
    objects.into_iter().map(without_source).collect()
}

fn said(snapshot: &Snapshot, options: &Options, of: &ObjectRef) -> Vec<Diagnostic> {
    let mut found = translate(snapshot, options).diagnostics;
    found.retain(|found| found.object.as_ref() == Some(of));
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_neighbours_lead_to_is_what_all_do(
        world in world(),
        gone in prop::collection::vec(any::<Index>(), 0..3),
        profile in select(vec![Profile::Standard, Profile::Nginx]),
        host_ownership in select(vec![
            HostOwnership::Any,
            HostOwnership::First,
            HostOwnership::First,
            HostOwnership::Listed,
        ]),
        is_allowed in any::<bool>(),
    ) {
        let allowed = vec![("sh*".to_string(), "*.example".parse().unwrap())];
        let allowed = if is_allowed { Vec::new() } else { allowed };
        let options = Options {
            profile,
            host_ownership,
            acme: true,
            tls_acme: true,
            acme_allowed: allowed,
            now: support::NOW,
            ..Options::standalone()
        };
        let ingresses = read(world);
        let list = json!({"name": "shop", "annotations": {"portreeve.dev/hosts": "a.example, *.b.example"}});
        let list = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": list});
        let others = read([support::fixtures(), vec![list]].concat());
        let all = ingresses.iter().cloned().chain(others);
        let (snapshot, _) = Snapshot::from_objects(all);
        let snapshot = snapshot.without_secrets();
        let mut neighbours = Neighbours::default();
        neighbours.update(&snapshot);
        // What is kept from one time to the next is no other than what is made anew.
        let mut changed = snapshot.clone();
        for index in gone {
            let object = index.get(&ingresses).reference();
            changed.remove(Kind::Ingress, &ObjectKey::new(&object.namespace, &object.name));
        }
        neighbours.update(&changed);
        for ingress in &ingresses {
            let object = ingress.reference();
            let Content::Ingress(candidate) = &ingress.content else {
                unreachable!("every one can be used");
            };
            let mut among_all = changed.clone();
            among_all.insert(ingress.clone());
            let around = neighbours.around(&changed, Ingress::clone(candidate));
            prop_assert_eq!(said(&around, &options, &object), said(&among_all, &options, &object));
        }
    }
}
