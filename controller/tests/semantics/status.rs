//! What the status of an Ingress says, and when it is written.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::controller::Controller;
use crate::events::told;
use crate::place::Place;
use crate::stage::Stage;
use crate::wait::until;

const WRITES: &str = "portreeve_status_writes_total";

async fn version(place: &Place, ingress: &str) -> String {
    let ingress = place.api::<Ingress>().get(ingress).await.unwrap();
    ingress.metadata.resource_version.unwrap()
}

fn texts(addresses: &[&str]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_status_is_written_when_it_differs_and_never_else() {
    let mut stage = Stage::start("difference", 31).await;
    stage.place.make_ingress("web").await;
    stage.is_ours("web").await;
    let before = version(&stage.place, "web").await;
    stage.place.lead_to("two").await;
    until("another backend answers", async || {
        let host = stage.place.host("web");
        stage.proxy.answers(&host).await.as_deref() == Some("two")
    })
    .await;
    stage.place.make_ingress("other").await;
    stage.is_ours("other").await;
    assert_eq!(version(&stage.place, "web").await, before);
    // A controller that knows nothing of what it wrote finds it as it should be.
    let published = format!(
        "--publish-status-address={}",
        stage.controller.published()[0]
    );
    let again = Controller::start_with(&stage.place, 2, &[&published]);
    std::mem::replace(&mut stage.controller, again)
        .process
        .terminate()
        .await;
    stage.controller.ready().await;
    stage.place.make_ingress("last").await;
    stage
        .says("last", &[published.split_once('=').unwrap().1.to_owned()])
        .await;
    assert_eq!(version(&stage.place, "web").await, before);
    assert_eq!(stage.controller.metric(WRITES).await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn only_the_controller_that_leads_writes() {
    let stage = Stage::start("only-leader", 32).await;
    stage.place.make_ingress("first").await;
    stage.is_ours("first").await;
    let other = Controller::start(&stage.place, 2);
    other.ready().await;
    stage.place.make_ingress("second").await;
    stage.is_ours("second").await;
    until("the other knows of it", async || {
        let config = crate::http::get(other.admin, "admin", "/debug/config").await;
        config.unwrap().body.contains(&stage.place.host("second"))
    })
    .await;
    assert_eq!(other.metric(WRITES).await, 0.0);
    assert_eq!(stage.controller.metric(WRITES).await, 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn given_addresses_and_names_are_written_as_they_are_given() {
    let place = Place::new("given", 33).await;
    let flags = ["--publish-status-address=192.0.2.7,LB.example.,192.0.2.6,192.0.2.7"];
    let stage = Stage::raise(place, &flags).await;
    stage.place.make_ingress("web").await;
    stage
        .says("web", &texts(&["192.0.2.6", "192.0.2.7", "=lb.example"]))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn nothing_is_written_where_that_is_switched_off() {
    let place = Place::new("switched-off", 34).await;
    let stage = Stage::start_with(place, &["--update-status=false"]).await;
    stage.place.make_ingress("web").await;
    stage.serves("web").await;
    stage.place.make_ingress("after").await;
    stage.serves("after").await;
    assert_eq!(stage.place.status("web").await, [""; 0]);
    assert_eq!(stage.controller.metric(WRITES).await, 0.0);
}

/// Makes the Service that leads to the proxies, in place of what it was.
async fn publish(place: &Place, spec: Value) {
    let services = place.api::<Service>();
    let _there_may_be_none = services.delete("front", &DeleteParams::default()).await;
    let service = json!({"metadata": {"name": "front"}, "spec": spec});
    place.make::<Service>(&service).await;
}

/// What the provider of a load balancer does.
async fn balance(place: &Place, addresses: Value) {
    let status = Patch::Merge(json!({"status": {"loadBalancer": {"ingress": addresses}}}));
    let services = place.api::<Service>();
    let params = PatchParams::default();
    services
        .patch_status("front", &params, &status)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_service_is_published_by_its_type() {
    let place = Place::new("publish", 35).await;
    let flag = format!("--publish-service={}/front", place.name);
    let stage = Stage::raise(place, &[&flag]).await;
    let (place, ports) = (&stage.place, json!([{"port": 80}]));
    place.make_ingress("web").await;
    stage.serves("web").await;
    assert_eq!(
        place.status("web").await,
        [""; 0],
        "there is no Service yet"
    );

    publish(
        place,
        json!({"type": "LoadBalancer", "ports": ports, "externalIPs": ["192.0.2.3"]}),
    )
    .await;
    stage.says("web", &texts(&["192.0.2.3"])).await;
    balance(
        place,
        json!([{"ip": "192.0.2.1"}, {"hostname": "lb.example"}]),
    )
    .await;
    stage
        .says("web", &texts(&["192.0.2.1", "192.0.2.3", "=lb.example"]))
        .await;

    publish(
        place,
        json!({"type": "NodePort", "ports": ports, "externalIPs": ["192.0.2.4"]}),
    )
    .await;
    stage.says("web", &texts(&["192.0.2.4"])).await;
    for (kind, ip) in [("NodePort", "10.96.35.1"), ("ClusterIP", "10.96.35.2")] {
        publish(
            place,
            json!({"type": kind, "ports": ports, "clusterIP": ip}),
        )
        .await;
        stage.says("web", &texts(&[ip])).await;
    }
    publish(
        place,
        json!({"type": "ExternalName", "externalName": "edge.example"}),
    )
    .await;
    stage.says("web", &texts(&["=edge.example"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn given_addresses_and_a_service_are_not_meant_both() {
    let place = Place::new("order", 36).await;
    publish(
        &place,
        json!({"ports": [{"port": 80}], "clusterIP": "10.96.36.1"}),
    )
    .await;
    let (service, given) = (
        "--publish-service=order/front",
        "--publish-status-address=192.0.2.8",
    );
    let stage = Stage::raise(place, &[given]).await;
    stage.place.make_ingress("web").await;
    stage.says("web", &texts(&["192.0.2.8"])).await;
    // Both cannot be meant, and it is better to know at once.
    let both = Controller::start_with(&stage.place, 2, &[service, given]);
    let ended = both.process.ended().await;
    assert_eq!(ended.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn another_writer_is_told_of_and_not_fought() {
    let stage = Stage::start("contested", 37).await;
    let place = &stage.place;
    place.make_ingress("web").await;
    stage.is_ours("web").await;
    let theirs = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}});
    let params = PatchParams {
        field_manager: Some("somebody".into()),
        ..PatchParams::default()
    };
    let ingresses = place.api::<Ingress>();
    let (mut ours, mut rounds) = (stage.controller.published(), 0);
    loop {
        let patch = Patch::Merge(&theirs);
        ingresses
            .patch_status("web", &params, &patch)
            .await
            .unwrap();
        if rounds == 5 {
            break;
        }
        stage.says("web", &ours).await;
        rounds += 1;
    }
    let note = told(place, place.name, "web", "StatusContested").await;
    assert!(note.contains("somebody"), "{note}");
    // From now on it is left as the other wants it, whatever else is written.
    let left = version(place, "web").await;
    place.make_ingress("after").await;
    stage.is_ours("after").await;
    assert_eq!(version(place, "web").await, left);
    ours = place.status("web").await;
    assert_eq!(ours, ["192.0.2.9"]);
    assert_eq!(
        stage
            .controller
            .metric("portreeve_status_fights_total")
            .await,
        1.0
    );
    println!("given up after {rounds} rounds: {note}");
}
