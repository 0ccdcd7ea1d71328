//! What becomes of statuses when a controller stops.

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::place::Place;
use crate::stage::Stage;

/// Makes the Pod that a controller takes itself for; nobody runs it.
async fn make_pod(place: &Place, name: &str) {
    let container = json!({"name": "controller", "image": "portreeve-controller"});
    let metadata = json!({"name": name, "labels": {"app": "controller"}});
    let gates = json!([{"name": "tests.example/never"}]);
    let spec = json!({"containers": [container], "schedulingGates": gates});
    place
        .make::<Pod>(&json!({"metadata": metadata, "spec": spec}))
        .await;
}

/// Ends the controller of a stage, whose Ingress then has this status.
async fn ends_with(stage: Stage, addresses: &[String]) {
    let Stage {
        place, controller, ..
    } = stage;
    assert!(controller.process.terminate().await.success());
    assert_eq!(place.status("web").await, addresses);
}

async fn start(name: &'static str, net: u8, pods: &[&str], flags: &[&str]) -> (Stage, Vec<String>) {
    let place = Place::new(name, net).await;
    for pod in pods {
        make_pod(&place, pod).await;
    }
    let stage = Stage::start_with(place, flags).await;
    stage.place.make_ingress("web").await;
    stage.is_ours("web").await;
    let published = stage.controller.published();
    (stage, published)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_last_controller_clears_statuses_when_it_stops() {
    let (stage, _) = start("cleared", 41, &["c1"], &[]).await;
    ends_with(stage, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn statuses_stay_when_that_is_asked_for() {
    let flags = ["--update-status-on-shutdown=false"];
    let (stage, published) = start("kept", 42, &["c1"], &flags).await;
    ends_with(stage, &published).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn statuses_stay_when_another_controller_goes_on() {
    let (stage, published) = start("goes-on", 43, &["c1", "c2"], &[]).await;
    ends_with(stage, &published).await;
}
