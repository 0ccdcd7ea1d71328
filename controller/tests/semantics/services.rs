//! Services of every kind, each with requests that reach what it leads to.

use std::net::Ipv6Addr;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use crate::dns::Dns;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::shop::{ready, with};
use crate::stage::Stage;
use crate::support::backends::start_at;
use crate::wait::until;

fn web() -> Value {
    json!({"ports": [{"port": 80, "targetPort": 8080}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_service_with_a_cluster_ip_leads_to_its_endpoints() {
    let stage = Stage::start("cluster-ip", 51).await;
    let one = ready(stage.place.address(201, 0).ip());
    stage.make_shop("shop", web(), &[one]).await;
    stage.reaches("shop", "one").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_headless_service_leads_to_its_endpoints() {
    let stage = Stage::start("headless", 52).await;
    let two = ready(stage.place.address(202, 0).ip());
    let mut spec = web();
    spec["clusterIP"] = "None".into();
    stage.make_shop("shop", spec, &[two]).await;
    stage.reaches("shop", "two").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_service_with_a_node_port_leads_to_its_endpoints() {
    let stage = Stage::start("node-port", 53).await;
    let one = ready(stage.place.address(201, 0).ip());
    let mut spec = web();
    spec["type"] = "NodePort".into();
    stage.make_shop("shop", spec, &[one]).await;
    stage.reaches("shop", "one").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_external_name_is_followed_wherever_it_leads() {
    let mut stage = Stage::start("external-name", 54).await;
    let dns = Dns::start(stage.place.address(53, 53)).await;
    let flag = format!("--dns={}", dns.address);
    stage.proxy = Proxy::start_with(&stage.place, 2, &[&flag]);
    let spec = json!({"type": "ExternalName", "externalName": "db.outside.test."});
    stage.make_service("shop", spec).await;
    // Nothing but the Ingress says which port.
    stage.lead("shop", "shop", json!({"number": 8080})).await;
    until("the proxy is ready", async || stage.proxy.is_ready().await).await;
    stage.answers("shop", "/", 503).await;
    dns.set("db.outside.test", stage.place.address(201, 0).ip());
    stage.reaches("shop", "one").await;
    dns.set("db.outside.test", stage.place.address(202, 0).ip());
    stage.reaches("shop", "two").await;
    dns.forget("db.outside.test");
    stage.answers("shop", "/", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn slices_that_somebody_wrote_are_followed() {
    let stage = Stage::start("manual", 55).await;
    let [one, two] = [201, 202].map(|number| ready(stage.place.address(number, 0).ip()));
    stage.lead("shop", "shop", json!({"number": 80})).await;
    stage.answers("shop", "/", 503).await;
    stage.make_shop("shop", web(), &[one]).await;
    stage.reaches("shop", "one").await;
    let port = json!([{"name": "", "port": 8080}]);
    stage.make_slice("shop", "shop", port, &[two]).await;
    stage.reaches("shop", "two").await;
    stage.delete_slice("shop").await;
    stage.answers("shop", "/", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn several_slices_are_one_list_with_each_address_once() {
    let stage = Stage::start("slices", 56).await;
    let [one, two] = [201, 202].map(|number| ready(stage.place.address(number, 0).ip()));
    stage
        .make_shop("shop", web(), std::slice::from_ref(&one))
        .await;
    let port = json!([{"name": "", "port": 8080}]);
    stage.make_slice("shop-2", "shop", port, &[one, two]).await;
    stage.reaches("shop", "two").await;
    let shares = stage.shares("shop", 20).await;
    assert_eq!(shares, [("one".into(), 10), ("two".into(), 10)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_service_of_two_families_leads_to_both() {
    let stage = Stage::start("dual-stack", 57).await;
    // Linux binds no IPv6 address that is local only by a route, but serves it for all of them.
    let all = (Ipv6Addr::UNSPECIFIED, 8057).into();
    let _six = start_at(&stage.place, "six", &[(all, "six")], &[]);
    let mut spec = web();
    spec["ipFamilyPolicy"] = "RequireDualStack".into();
    let one = ready(stage.place.address(201, 0).ip());
    stage.make_shop("shop", spec, &[one]).await;
    let port = json!([{"name": "", "port": 8057}]);
    stage
        .make_slice(
            "shop-6",
            "shop",
            port,
            &[ready(stage.place.address_6(203).into())],
        )
        .await;
    stage.reaches("shop", "six").await;
    let shares = stage.shares("shop", 20).await;
    assert_eq!(shares, [("one".into(), 10), ("six".into(), 10)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_port_is_found_by_its_name_whatever_its_number_is_in_a_slice() {
    let stage = Stage::start("named-ports", 58).await;
    let place = &stage.place;
    let [old, new, admin] =
        [(203, 8081), (204, 8082), (203, 9000)].map(|(number, port)| place.address(number, port));
    let backends = [(old, "old"), (new, "new"), (admin, "admin")];
    let _backends = start_at(place, "named", &backends, &[]);
    let ports = json!([
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "admin", "port": 81, "targetPort": "admin"},
    ]);
    stage.make_service("shop", json!({"ports": ports})).await;
    let ports = json!([{"name": "http", "port": 8081}, {"name": "admin", "port": 9000}]);
    stage
        .make_slice("shop-1", "shop", ports, &[ready(old.ip())])
        .await;
    let ports = json!([{"name": "http", "port": 8082}]);
    stage
        .make_slice("shop-2", "shop", ports, &[ready(new.ip())])
        .await;
    stage.lead("by-name", "shop", json!({"name": "http"})).await;
    stage.lead("by-number", "shop", json!({"number": 80})).await;
    stage.lead("other", "shop", json!({"name": "admin"})).await;
    stage.reaches("other", "admin").await;
    for ingress in ["by-name", "by-number"] {
        stage.reaches(ingress, "new").await;
        let shares = stage.shares(ingress, 20).await;
        assert_eq!(shares, [("old".into(), 10), ("new".into(), 10)].into());
    }
    stage.lead("missing", "shop", json!({"name": "none"})).await;
    stage.answers("missing", "/", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_app_protocol_of_a_port_is_what_is_spoken() {
    let stage = Stage::start("app-protocol", 59).await;
    let place = &stage.place;
    let tls = place.address(203, 8443);
    let _tls = start_at(place, "tls", &[(tls, "tls")], &["--tls"]);
    for (protocol, address, port, seen) in [
        ("http", place.address(201, 0), 8080, "HTTP/1.1"),
        ("kubernetes.io/ws", place.address(201, 0), 8080, "HTTP/1.1"),
        ("kubernetes.io/h2c", place.address(201, 0), 8080, "HTTP/2.0"),
        ("https", tls, 8443, "service: tls"),
        ("kubernetes.io/wss", tls, 8443, "service: tls"),
        (
            "example.com/unknown",
            place.address(201, 0),
            8080,
            "HTTP/1.1",
        ),
    ] {
        let name = protocol.replace(['/', '.'], "-");
        let ports = json!([{"port": 80, "appProtocol": protocol}]);
        stage.make_service(&name, json!({"ports": ports})).await;
        let ports = json!([{"name": "", "port": port}]);
        stage
            .make_slice(&name, &name, ports, &[ready(address.ip())])
            .await;
        stage.lead(&name, &name, json!({"number": 80})).await;
        stage.answers(&name, "/", 200).await;
        let body = stage.body(&name).await;
        assert!(body.contains(seen), "{protocol}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn addresses_that_are_not_ready_are_used_when_their_service_publishes_them() {
    let stage = Stage::start("not-ready", 60).await;
    let probe = json!({"httpGet": {"path": "/status/500", "port": 8080}, "periodSeconds": 1});
    let container = json!({
        "name": "echo",
        "image": "portreeve-echo",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": probe,
    });
    let metadata = json!({"name": "never-ready", "labels": {"app": "shop"}});
    let pod = json!({"metadata": metadata, "spec": {"containers": [container]}});
    stage.place.make::<Pod>(&pod).await;
    let mut spec = web();
    spec["selector"] = json!({"app": "shop"});
    stage.make_service("waits", spec.clone()).await;
    spec["publishNotReadyAddresses"] = true.into();
    stage.make_service("publishes", spec).await;
    for service in ["waits", "publishes"] {
        stage.lead(service, service, json!({"number": 80})).await;
    }
    stage.reaches("publishes", "never-ready").await;
    stage.answers("waits", "/", 503).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_endpoint_that_is_going_serves_only_when_no_other_is_left() {
    let stage = Stage::start("terminating", 61).await;
    let [one, two] = [201, 202].map(|number| stage.place.address(number, 0).ip());
    let going = |serving: bool| json!({"ready": false, "serving": serving, "terminating": true});
    let port = || json!([{"name": "", "port": 8080}]);
    stage
        .make_shop("shop", web(), &[ready(one), with(two, going(true))])
        .await;
    stage.reaches("shop", "one").await;
    let shares = stage.shares("shop", 20).await;
    assert_eq!(shares, [("one".into(), 20)].into());
    let left = [with(one, going(false)), with(two, going(true))];
    stage.make_slice("shop", "shop", port(), &left).await;
    stage.reaches("shop", "two").await;
    let shares = stage.shares("shop", 20).await;
    assert_eq!(shares, [("two".into(), 20)].into());
    stage
        .make_slice("shop", "shop", port(), &[with(two, going(false))])
        .await;
    stage.answers("shop", "/", 503).await;
    // What is not ready and not going serves nobody.
    let starting = json!({"ready": false, "serving": false, "terminating": false});
    stage
        .make_slice("shop", "shop", port(), &[with(one, starting), ready(two)])
        .await;
    stage.reaches("shop", "two").await;
    let shares = stage.shares("shop", 20).await;
    assert_eq!(shares, [("two".into(), 20)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn external_names_are_not_served_where_they_are_switched_off() {
    let place = Place::new("external-off", 62).await;
    let stage = Stage::start_with(place, &["--disable-svc-external-name"]).await;
    let name = stage.place.address(201, 0).ip().to_string();
    let spec = json!({"type": "ExternalName", "externalName": name});
    stage.make_service("shop", spec).await;
    stage.lead("shop", "shop", json!({"number": 8080})).await;
    stage.answers("shop", "/", 503).await;
    let note =
        crate::events::told(&stage.place, "external-off", "shop", "ExternalNameRefused").await;
    assert!(note.contains("switched off"), "{note}");
}
