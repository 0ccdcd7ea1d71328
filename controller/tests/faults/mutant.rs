//! An Ingress, mostly as people write them, with something else in some of its places.

use portreeve_translate::annotations::{NGINX_PREFIX, OWN_PREFIX, all};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::pointers;

const HOSTS: [&str; 7] = [
    "a.example",
    "b.example",
    "*.b.example",
    "www.a.example",
    "xn--bcher-kva.example",
    "x.y.z",
    "",
];
const PATHS: [&str; 9] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/A",
    "/a(/|$)(.*)",
    "/(",
    "/a/[0-9]+",
    "/a%2fb",
];
const TYPES: [&str; 4] = [
    "Exact",
    "Prefix",
    "ImplementationSpecific",
    "ImplementationSpecific",
];
const VALUES: [&str; 17] = [
    "true",
    "false",
    "",
    "x",
    "10",
    "-1",
    "99999999999999999999",
    "/$1",
    "/$9",
    "https://a.example/",
    "https://a.example$request_uri",
    "10.0.0.0/8",
    "ewma",
    "b.example",
    "~^x(",
    "more_set_headers \"x: y\";",
    "\u{0}é\n{",
];

/// An Ingress of a class and namespace.
pub(crate) fn mutant(chance: &mut Chance, place: &str, name: &str) -> Value {
    let rules: Vec<_> = (0..chance.below(4)).map(|_| rule(chance)).collect();
    let mut spec = json!({"ingressClassName": place, "rules": rules});
    if chance.below(3) == 0 || rules.is_empty() {
        spec["defaultBackend"] = backend(chance);
    }
    if chance.below(4) == 0 {
        let hosts = json!([chance.pick(&HOSTS[..5])]);
        spec["tls"] = json!([{"hosts": hosts, "secretName": "gone"}]);
    }
    let mut annotations = annotations(chance);
    for _ in 0..chance.below(3) {
        let value = anything(chance);
        mutate(chance, &mut spec, value);
    }
    if chance.below(10) == 0 {
        let value = anything(chance);
        mutate(chance, &mut annotations, value);
    }
    let metadata = json!({"name": name, "annotations": annotations});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})
}

fn rule(chance: &mut Chance) -> Value {
    let path = |chance: &mut Chance| json!({"path": chance.pick(&PATHS), "pathType": chance.pick(&TYPES), "backend": backend(chance)});
    let paths: Vec<_> = (0..chance.below(4)).map(|_| path(chance)).collect();
    match paths.is_empty() {
        true => json!({"host": chance.pick(&HOSTS)}),
        false => json!({"host": chance.pick(&HOSTS), "http": {"paths": paths}}),
    }
}

fn backend(chance: &mut Chance) -> Value {
    let name = chance.pick(&["web", "web", "gone"]);
    let ports = [
        json!({"number": 80}),
        json!({"name": "http"}),
        json!({"number": 9}),
    ];
    match chance.below(9) {
        0 => json!({"resource": {"kind": "Bucket", "name": "b"}}),
        _ => json!({"service": {"name": name, "port": chance.pick(&ports)}}),
    }
}

fn annotations(chance: &mut Chance) -> Value {
    let names: Vec<_> = all().map(|annotation| annotation.name).collect();
    let one = |chance: &mut Chance| {
        let prefix = chance.pick(&[OWN_PREFIX, NGINX_PREFIX]);
        let name = chance.pick(&names);
        (format!("{prefix}{name}"), json!(chance.pick(&VALUES)))
    };
    let all = (0..chance.below(5)).map(|_| one(chance));
    Value::Object(all.collect::<Map<_, _>>())
}

/// Puts something into some place of a value.
fn mutate(chance: &mut Chance, value: &mut Value, with: Value) {
    let pointer = chance.pick(&pointers::all(value));
    *value.pointer_mut(&pointer).unwrap() = with;
}

fn anything(chance: &mut Chance) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(70000),
        json!(1),
        json!([]),
        json!({}),
        json!([null]),
        json!({"a": {"b": 1}}),
        json!(""),
        json!("/"),
        json!("a"),
        json!("\u{0}é/../%zz"),
        json!("/é//../%zz\"\n"),
        json!("a".repeat(300)),
        json!(format!("/{}", "a".repeat(3000))),
        json!(format!("/{}", "(a*)*".repeat(300))),
    ];
    chance.pick(&values)
}
