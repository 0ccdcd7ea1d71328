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
    let told = json!([{"key": key, "origin": origin, "error": WHY}]);
    let mut guests = Vec::new();
    // One of the two does not lead, and says it all the same; both say it in one Event.
    for controller in &site.controllers {
        let mut guest = Guest::begin(controller.config, &pki, SCHEMA).await;
        while guest.hear().await.unwrap().get("synced").is_none() {}
        let nack = json!({"nack": {"seq": 1, "rejected": told}});
        guest.say(nack).await;
        until("the rejection is said", async || {
            said(&site).await.len() == 1
        })
        .await;
        let resources = "portreeve_rejected_resources";
        until("the rejection is counted", async || {
            metric(controller.admin, resources).await.unwrap() == 1.0
        })
        .await;
        let fleet = fleet(controller.admin).await;
        let seen = fleet.iter().find(|seen| seen["node"] == "guest").unwrap();
        assert_eq!(seen["rejected"][&key][0]["error"], WHY);
        assert_eq!(seen["rejected"][&key][0]["origin"], origin);
        guests.push(guest);
    }
    let said = said(&site).await;
    assert!(said[0].contains(WHY) && said[0].contains(&key), "{said:?}");
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
