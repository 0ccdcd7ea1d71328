//! Objects at random: hosts, paths and settings that meet each other often.
#![allow(dead_code, reason = "each test binary uses some of it")]

use portreeve_translate::annotations::{NGINX_PREFIX, OWN_PREFIX, all};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{HostOwnership, Object, Profile};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::support;

pub(crate) fn read(objects: &[Value]) -> Vec<Object> {
    let text: String = objects
        .iter()
        .map(|object| object.to_string() + "\n")
        .collect();
    manifest::parse("objects.json", &text, &Limits::default())
        .unwrap()
        .0
}

pub(crate) fn profiles() -> impl Strategy<Value = Profile> {
    select(vec![Profile::Standard, Profile::Nginx])
}

pub(crate) fn ownerships() -> impl Strategy<Value = HostOwnership> {
    select(vec![
        HostOwnership::Any,
        HostOwnership::First,
        HostOwnership::Listed,
    ])
}

/// The Namespaces, with lists or without.
pub(crate) fn namespaces() -> impl Strategy<Value = Vec<Value>> {
    let list = select(vec![
        None,
        Some(""),
        Some("*"),
        Some("a.example"),
        Some("*.example"),
        Some("a.example, www.a.example,c.example"),
        Some("a b,*.b.example , b.example"),
    ]);
    (list.clone(), list).prop_map(|(shop, other)| {
        let lists = [("shop", shop), ("other", other)].into_iter();
        let namespace = |(name, list)| {
            let annotations = json!({portreeve_translate::HOSTS: list});
            let metadata = json!({"name": name, "annotations": annotations});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        };
        lists
            .filter(|(_, list)| list.is_some())
            .map(namespace)
            .collect()
    })
}

const HOSTS: [&str; 10] = [
    "a.example",
    "A.example.",
    "b.example",
    "*.b.example",
    "x.b.example",
    "www.a.example",
    "",
    "10.0.0.1",
    "www.10.0.0.1",
    "a b",
];
const PATHS: [&str; 12] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a//b",
    "/A",
    "",
    "a",
    "/a(/|$)(.*)",
    "/(",
    "/a/[0-9]+",
    "/..",
];
const TYPES: [&str; 5] = ["Exact", "Prefix", "ImplementationSpecific", "", "Other"];
const VALUES: [&str; 13] = [
    "true",
    "false",
    "",
    "x",
    "10",
    "-1",
    "/$1",
    "https://a.example/",
    "https://a.example$request_uri",
    "10.0.0.0/8",
    "ewma",
    "b.example",
    "~^x(",
];

pub(crate) fn annotations() -> impl Strategy<Value = Value> {
    let names: Vec<_> = all().map(|annotation| annotation.name).collect();
    let one = (
        select(vec![OWN_PREFIX, NGINX_PREFIX]),
        select(names),
        select(VALUES.to_vec()),
    );
    prop::collection::vec(one, 0..4).prop_map(|given| {
        let given = given.into_iter();
        given
            .map(|(prefix, name, value)| (format!("{prefix}{name}"), json!(value)))
            .collect::<Map<_, _>>()
            .into()
    })
}

pub(crate) fn backend() -> impl Strategy<Value = Value> {
    let service = (
        select(vec!["web", "api", "gone"]),
        select(vec![
            json!({"number": 80}),
            json!({"name": "http"}),
            json!({"number": 9}),
        ]),
    );
    prop_oneof![
        8 => service.prop_map(|(name, port)| json!({"service": {"name": name, "port": port}})),
        1 => Just(json!({"resource": {"kind": "Bucket", "name": "b"}})),
        1 => Just(json!({})),
    ]
}

pub(crate) fn rule() -> impl Strategy<Value = Value> {
    let path = (select(PATHS.to_vec()), select(TYPES.to_vec()), backend()).prop_map(
        |(path, kind, backend)| json!({"path": path, "pathType": kind, "backend": backend}),
    );
    (select(HOSTS.to_vec()), prop::collection::vec(path, 0..4)).prop_map(
        |(host, paths)| match paths.is_empty() {
            true => json!({"host": host}),
            false => json!({"host": host, "http": {"paths": paths}}),
        },
    )
}

prop_compose! {
    pub(crate) fn ingress(name: String)(
        namespace in select(vec!["shop", "other"]),
        created in select(vec![None, Some("2026-01-01T00:00:00Z"), Some("2026-02-01T00:00:00Z")]),
        annotations in annotations(),
        rules in prop::collection::vec(rule(), 0..3),
        default in prop::option::of(backend()),
        tls in select(vec![json!([]), json!([{"hosts": ["a.example", "*.b.example"], "secretName": "tls"}]), json!([{"secretName": "gone"}])]),
    ) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name.clone(), "namespace": namespace, "creationTimestamp": created, "annotations": annotations},
            "spec": {"rules": rules, "defaultBackend": default, "tls": tls},
        })
    }
}

pub(crate) fn ingresses() -> impl Strategy<Value = Vec<Value>> {
    (1..6usize).prop_flat_map(|count| {
        (0..count)
            .map(|n| ingress(format!("i{n}")))
            .collect::<Vec<_>>()
    })
}

pub(crate) fn fixtures() -> Vec<Object> {
    support::case("kind: Certificate\nmetadata: {name: tls, namespace: shop}\nnames: [a.example]\n")
        .objects
}
