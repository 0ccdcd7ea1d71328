//! A proxy that does not take what it is told, and ones of other versions.

use std::net::SocketAddr;

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use portreeve_table::{SCHEMA, SKEW};
use serde_json::{Value, json};

use crate::guest::Guest;
use crate::http::{get, metric, samples};
use crate::site::Site;
use crate::wait::until;

const WHY: &str = "there is no such filter";
const OTHER: &str = "no such filter is known";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn what_a_proxy_rejects_is_said_beside_the_ingress_whoever_leads() {
    let site = Site::start("rejections", 17, 1).await;
    let load = site.load();
    let (pki, key) = (
        site.place.folder.join("pki"),
        format!("host/{}", site.host()),
    );
    let origin = json!({"namespace": site.place.name, "name": "web"});
    let [one, two] = &site.controllers[..] else {
        panic!("there are two controllers");
    };
    let mut guests = [
        Guest::begin(one.config, &pki, SCHEMA).await,
        Guest::begin(two.config, &pki, SCHEMA).await,
    ];
    let told = |error: &str| json!([{"key": key, "origin": origin, "error": error}]);
    // One of the two does not lead, and says it all the same.
    for ((controller, guest), why) in site.controllers.iter().zip(&mut guests).zip([WHY, OTHER]) {
        let before = said(&site).await.len();
        let written = written(controller.admin).await;
        reject(guest, told(why)).await;
        until("the rejection is said", async || {
            said(&site).await.len() == before + 1
        })
        .await;
        until_written(controller.admin, written).await;
        let resources = samples(controller.admin, "portreeve_rejected_resources").await;
        assert_eq!(resources.unwrap()["kind=\"host\""], 1.0);
        let fleet = fleet(controller.admin).await;
        let seen = fleet.iter().find(|seen| seen["node"] == "guest").unwrap();
        assert_eq!(seen["rejected"][&key][0]["error"], why);
        assert_eq!(seen["rejected"][&key][0]["origin"], origin);
    }
    // Both say the same in one Event.
    let written = written(two.admin).await;
    site.place.make_ingress("more").await;
    for guest in &mut guests {
        reject(guest, told(WHY)).await;
    }
    until_written(two.admin, written).await;
    let mut said = said(&site).await;
    said.sort();
    let [first, second] = &said[..] else {
        panic!("{said:?}");
    };
    assert!(first.contains(OTHER) && second.contains(WHY), "{said:?}");
    assert!(said.iter().all(|note| note.contains(&key)), "{said:?}");
    // What it has not taken goes with it.
    drop(guests);
    for controller in &site.controllers {
        until("nothing is rejected any more", async || {
            let states = samples(controller.admin, "portreeve_proxies")
                .await
                .unwrap();
            states["state=\"rejecting\""] == 0.0
        })
        .await;
    }
    let requests = load.none_failed().await;
    println!("{requests} requests, one Event of two controllers");
}

/// Takes what is told next but for this.
async fn reject(guest: &mut Guest, told: Value) {
    let seq = loop {
        let message = guest.hear().await.unwrap();
        if let Some(synced) = message.get("synced") {
            break synced["seq"].clone();
        }
    };
    let nack = json!({"nack": {"seq": seq, "rejected": told}});
    guest.say(nack).await;
}

/// How many Events a controller has written.
async fn written(admin: SocketAddr) -> f64 {
    metric(admin, "portreeve_events_total").await.unwrap()
}

async fn until_written(admin: SocketAddr, more_than: f64) {
    until("an Event is written", async || {
        written(admin).await > more_than
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_proxy_one_version_away_is_told_and_one_further_is_turned_away() {
    let site = Site::start("versions", 18, 1).await;
    let (pki, controller) = (site.place.folder.join("pki"), &site.controllers[0]);
    for schema in [SCHEMA - SKEW, SCHEMA + SKEW] {
        let mut guest = Guest::begin(controller.config, &pki, schema).await;
        let welcome = guest.hear().await.unwrap();
        assert_eq!(welcome["welcome"]["schema"], SCHEMA);
        assert!(
            guest.hear().await.unwrap().get("delta").is_some(),
            "{schema}"
        );
    }
    let mut guest = Guest::begin(controller.config, &pki, SCHEMA + SKEW + 1).await;
    let welcome = guest.hear().await.unwrap();
    assert_eq!(welcome["welcome"]["schema"], SCHEMA);
    assert_eq!(guest.hear().await, None);
    let refused = samples(controller.admin, "portreeve_sessions_refused_total").await;
    assert_eq!(refused.unwrap()["reason=\"schema\""], 1.0);
}

/// The notes of the Events about rejections of the Ingress.
async fn said(site: &Site) -> Vec<String> {
    let events: Api<Event> = site.place.api();
    let of_web = ListParams::default().fields("regarding.kind=Ingress,regarding.name=web");
    let events = events.list(&of_web).await.unwrap();
    let ours = events
        .into_iter()
        .filter(|event| event.reason.as_deref() == Some("RejectedByProxy"));
    ours.filter_map(|event| event.note).collect()
}

async fn fleet(admin: SocketAddr) -> Vec<Value> {
    let text = get(admin, "admin", "/debug/fleet").await.unwrap().body;
    serde_json::from_str(&text).unwrap()
}
