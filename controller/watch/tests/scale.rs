//! Ten thousand Ingresses and fifty thousand endpoints: how long they take, and how much room.

#![cfg(test)]

#[path = "store/api.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod api;
#[path = "store/objects.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod objects;

use std::time::{Duration, Instant};

use api::{Api, Stream};
use objects::{ingress, service, slice};
use portreeve_translate::{Snapshot, manifest};
use portreeve_watch::{Kinds, Options, Scope, Store};
use serde_json::{Value, json};

/// Without optimisation everything takes many times as long, so there is less of it.
const SCALE: usize = if cfg!(debug_assertions) { 10 } else { 1 };
const INGRESSES: usize = 10_000 / SCALE;
const SLICES: usize = 1_000 / SCALE;
const ENDPOINTS: usize = 50;

/// What a change may cost while a translation reads the snapshot before it.
const CHANGE: Duration = Duration::from_millis(30);

fn ingresses() -> Vec<Value> {
    let ingress = |n| {
        let mut ingress = ingress(&format!("ingress-{n}"), 1);
        ingress["metadata"]["annotations"] = json!({
            "nginx.ingress.kubernetes.io/proxy-read-timeout": "30",
            "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(500),
        });
        ingress
    };
    (0..INGRESSES).map(ingress).collect()
}

/// Slices as their controller writes them.
fn slices() -> Vec<Value> {
    let slice = |n: usize| {
        let endpoint = |e: usize| {
            let pod = format!("service-{n}-7d4b9c6f5-{e:05}");
            json!({
                "addresses": [format!("10.{}.{}.{e}", n / 250, n % 250)],
                "conditions": {"ready": true, "serving": true, "terminating": false},
                "nodeName": format!("node-{e}.eu-central-1.compute.internal"),
                "zone": "eu-central-1a",
                "targetRef": {"kind": "Pod", "namespace": "shop", "name": pod, "uid": "0e8c8c1e-7a4b-4d6c-9d8e-2f1a3b4c5d6e"},
            })
        };
        let mut slice = slice(
            &format!("slice-{n}"),
            &format!("service-{n}"),
            "10.0.0.1",
            1,
        );
        slice["endpoints"] = (0..ENDPOINTS).map(endpoint).collect();
        slice
    };
    (0..SLICES).map(slice).collect()
}

fn services() -> Vec<Value> {
    let service = |n| {
        let mut service = service(1);
        service["metadata"]["name"] = format!("service-{n}").into();
        service
    };
    (0..SLICES).map(service).collect()
}

/// The room that this process takes, in MiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() / 1024
}

/// Lists a kind; says how much more room is taken.
async fn list(api: &mut Api, store: &mut Store, kind: &'static str, objects: Vec<Value>) -> Stream {
    let (before, started) = (resident(), Instant::now());
    let mut stream = api.asked(kind).await.streams();
    for object in &objects {
        tokio::select! {
            biased;
            () = stream.says("ADDED", object) => {}
            _ = store.changed() => {}
        }
    }
    stream.is_whole("100").await;
    let count = objects.len();
    let (took, more) = (started.elapsed(), resident() - before);
    println!("{count} {kind} in {took:?}, {more} MiB more");
    stream
}

fn change(snapshot: &Snapshot, what: &str, object: &Value) {
    let text = object.to_string();
    let (objects, _) = manifest::parse("a.json", &text, &manifest::Limits::default()).unwrap();
    let mut changed = snapshot.clone();
    let started = Instant::now();
    objects
        .into_iter()
        .for_each(|object| changed.insert(object));
    let took = started.elapsed();
    println!("a change of {what} beside a reader in {took:?}");
    assert!(took < CHANGE, "{took:?}");
}

#[tokio::test]
async fn very_many_objects_take_little_time_and_room() {
    let (mut api, client) = Api::new();
    let (scope, kinds) = (Scope::All, Kinds::all());
    let mut store = Store::start(client, Options { scope, kinds }, |problem| {
        panic!("{problem}")
    });
    let _watches = [
        list(&mut api, &mut store, "endpointslices", slices()).await,
        list(&mut api, &mut store, "ingresses", ingresses()).await,
        list(&mut api, &mut store, "services", services()).await,
        list(&mut api, &mut store, "secrets", vec![]).await,
        list(&mut api, &mut store, "ingressclasses", vec![]).await,
    ];
    store.changed().await;
    let snapshot = store.snapshot().unwrap();
    let mut one = ingress("ingress-1", 2);
    (one["kind"], one["apiVersion"]) = ("Ingress".into(), "networking.k8s.io/v1".into());
    change(&snapshot, "an Ingress", &one);
    let mut one = slice("slice-1", "service-1", "10.0.0.2", 2);
    (one["kind"], one["apiVersion"]) = ("EndpointSlice".into(), "discovery.k8s.io/v1".into());
    change(&snapshot, "a slice", &one);
    assert_eq!(store.ingresses().count(), INGRESSES);
}
