//! The issuer against pebble, a real CA, with its state in a directory: what is asked for is there
//! as a manifest, and whoever comes next goes on.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod cas;
mod names;

use std::fs;

use portreeve_acme::{Held, Phase, Policy, Want, check};
use portreeve_table::Origin;

use support::door::Door;
use support::folder::Folder;
use support::pebble::{Pebble, Setup};
use support::running::{Clock, Running, is_issued};

/// Whoever gets `want` from one CA.
async fn start(folder: &Folder, pebble: &Pebble, door: Door, want: &Want) -> Running {
    let settings = pebble.settings();
    let policy = Policy::new(settings.id.clone());
    let cas = (vec![settings], policy);
    Running::start(folder, door, cas, vec![want.clone()], Clock::default()).await
}

fn want(names: &[&str]) -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = names.iter().map(|name| name.parse().unwrap());
    Want::new(origin, "shop/tls".parse().unwrap(), names)
}

fn shop() -> Want {
    want(&["shop.example", "www.shop.example"])
}

/// What was put where `want` has it, which can be served.
async fn issued(folder: &Folder, want: &Want) -> Held {
    let (chain, key) = folder.issued(want).await;
    check(&chain, &key, want.names(), jiff::Timestamp::now()).unwrap()
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_certificate_is_a_manifest_that_the_next_process_has_as_well() {
    let (folder, want) = (Folder::new(), shop());
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut first = start(&folder, &pebble, door.clone(), &want).await;
    first.until(is_issued).await;
    first.stop().await;
    let held = issued(&folder, &want).await;
    assert_eq!(held.names, want.names());
    let record = folder.record();
    assert_eq!(record["ordered"].as_array().unwrap().len(), 1);
    assert!(
        record["asked"]["window"].is_array(),
        "pebble says when: {record}"
    );
    let files = fs::read_dir(folder.manifests()).unwrap().count();
    assert_eq!(files, 1, "challenges are taken away");
    // Who comes next finds it good.
    let mut next = start(&folder, &pebble, door, &want).await;
    next.until(is_issued).await;
    next.stop().await;
    assert_eq!(issued(&folder, &want).await, held);
    assert_eq!(folder.record(), record);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn whoever_comes_next_goes_on_with_the_order_of_the_one_before() {
    let (folder, want) = (Folder::new(), shop());
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut first = start(&folder, &pebble, door.closed(), &want).await;
    first.until(|status| status.phase == Phase::Answering).await;
    door.reached().await;
    first.stop().await;
    let url = folder.record()["pending"]["url"].clone();
    assert!(url.is_string());
    let mut next = start(&folder, &pebble, door, &want).await;
    next.until(is_issued).await;
    next.stop().await;
    assert_eq!(folder.record()["ordered"].as_array().unwrap().len(), 1);
    assert_eq!(issued(&folder, &want).await.names, want.names());
}
