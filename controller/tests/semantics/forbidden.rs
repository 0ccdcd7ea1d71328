//! Where no request is sent, whatever a tenant's objects say: refused with a reason and an Event,
//! unless the administrator allows it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::json;

use crate::dns::Dns;
use crate::events::told;
use crate::http::get;
use crate::place::{Place, apply};
use crate::proxy::Proxy;
use crate::shop::ready;
use crate::stage::Stage;
use crate::support::backends::start_at;
use crate::wait::until;

const CODE: &str = "TargetForbidden";
const REASON: &str = "the Service leads where no request may be sent";

impl Stage {
    /// Makes a Service of this name that leads to one address by a slice, and an Ingress.
    async fn lead_to(&self, name: &str, to: SocketAddr) {
        self.make_service(name, json!({"ports": [{"port": 80}]}))
            .await;
        let port = json!([{"name": "", "port": to.port()}]);
        self.make_slice(name, name, port, &[ready(to.ip())]).await;
        self.lead(name, name, json!({"number": 80})).await;
    }

    /// The same by an external name.
    async fn name(&self, name: &str, external: &str, port: u16) {
        let spec = json!({"type": "ExternalName", "externalName": external});
        self.make_service(name, spec).await;
        self.lead(name, name, json!({"number": port})).await;
    }

    /// Waits until an Ingress is refused for this reason: to its clients and to its author.
    async fn refuses(&self, ingress: &str, why: &str) {
        let note = told(&self.place, self.place.name, ingress, CODE).await;
        assert!(note.contains(why), "{ingress}: {note}");
        assert!(note.contains("--allow-target"), "{ingress}: {note}");
        self.answers_why(ingress).await;
    }

    /// Waits until the answer says that it is refused.
    async fn answers_why(&self, ingress: &str) {
        let host = self.place.host(ingress);
        until(&format!("{ingress} is refused"), async || {
            let answer = get(self.proxy.http, &host, "/").await.unwrap();
            answer.status == 503 && answer.body.contains(REASON)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn no_slice_leads_to_a_listener_of_ours_or_to_the_api_server_or_to_metadata() {
    let place = Place::new("forbidden-slices", 71).await;
    let flag = "--publish-service=forbidden-slices/front";
    let stage = Stage::raise(place, &[flag]).await;
    let place = &stage.place;
    // Whoever publishes the proxies says where they are.
    stage
        .make_service("front", json!({"ports": [{"port": 80}]}))
        .await;
    let (port, proxy) = (json!([{"name": "", "port": 80}]), stage.proxy.http.ip());
    stage
        .make_slice("front", "front", port, &[ready(proxy)])
        .await;
    for (name, to, why) in [
        (
            "config",
            stage.controller.config,
            "ingress controller itself",
        ),
        (
            "controller-admin",
            stage.controller.admin,
            "ingress controller itself",
        ),
        (
            "proxy-admin",
            stage.proxy.admin,
            "ingress controller itself",
        ),
        (
            "api-server",
            "10.244.0.1:6443".parse().unwrap(),
            "API server",
        ),
        ("cluster-ip", "10.96.0.1:443".parse().unwrap(), "API server"),
        ("metadata", "168.63.129.16:80".parse().unwrap(), "cloud"),
    ] {
        stage.lead_to(name, to).await;
        stage.refuses(name, why).await;
    }
    // Other ports of the same machines are nobody's secret, and good endpoints serve on.
    stage.lead_to("beside", place.address(201, 8080)).await;
    stage.reaches("beside", "one").await;
    let [good, bad] = [place.address(202, 0).ip(), "168.63.129.16".parse().unwrap()];
    let port = json!([{"name": "", "port": 8080}]);
    stage
        .make_slice("beside", "beside", port, &[ready(good), ready(bad)])
        .await;
    stage.reaches("beside", "two").await;
    let note = told(place, place.name, "beside", CODE).await;
    assert!(note.contains("left out"), "{note}");
    let shares = stage.shares("beside", 10).await;
    assert_eq!(shares, [("two".into(), 10)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_api_server_takes_no_slice_with_an_address_of_a_machine_or_its_link() {
    let stage = Stage::start("forbidden-api", 72).await;
    for (family, address) in [
        ("IPv4", "127.0.0.1"),
        ("IPv4", "169.254.169.254"),
        ("IPv6", "::1"),
        ("IPv6", "fe80::1"),
    ] {
        let slice = json!({
            "metadata": {"name": "bad", "labels": {"kubernetes.io/service-name": "bad"}},
            "addressType": family,
            "endpoints": [{"addresses": [address]}],
        });
        let refused = apply(&stage.place.api::<EndpointSlice>(), &slice).await;
        assert!(refused.is_err(), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn no_external_name_means_this_machine_its_link_or_the_api_server() {
    let stage = Stage::start("forbidden-names", 73).await;
    for (name, external, port, why) in [
        ("local", "localhost", 10254, "this machine"),
        ("local-sub", "db.localhost", 80, "this machine"),
        ("loopback", "127.0.0.1", 10254, "this machine"),
        ("metadata", "169.254.169.254", 80, "link-local"),
        (
            "api",
            "kubernetes.default.svc.cluster.local",
            443,
            "API server",
        ),
        ("api-short", "kubernetes.default.svc", 443, "API server"),
        ("api-ip", "10.244.0.1", 6443, "API server"),
    ] {
        stage.name(name, external, port).await;
        stage.refuses(name, why).await;
    }
    let own = stage.controller.config;
    stage
        .name("config", &own.ip().to_string(), own.port())
        .await;
    stage.refuses("config", "ingress controller itself").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_name_that_is_bound_to_a_forbidden_address_is_refused_where_it_is_resolved() {
    let mut stage = Stage::start("rebinding", 74).await;
    let dns = Dns::start(stage.place.address(53, 53)).await;
    let flag = format!("--dns={}", dns.address);
    stage.proxy = Proxy::start_with(&stage.place, 2, &[&flag]);
    let good = stage.place.address(201, 0).ip();
    let api: IpAddr = "10.244.0.1".parse().unwrap();
    let (this, link) = ("this machine", "link-local");
    let cases: [(&str, IpAddr, u16, &str); 6] = [
        ("loopback", Ipv4Addr::LOCALHOST.into(), 8080, this),
        ("loopback-6", "::1".parse().unwrap(), 8080, this),
        ("metadata", "169.254.169.254".parse().unwrap(), 8080, link),
        (
            "translated",
            "64:ff9b::a9fe:a9fe".parse().unwrap(),
            8080,
            link,
        ),
        (
            "config",
            stage.controller.config.ip(),
            stage.controller.config.port(),
            "ingress controller itself",
        ),
        ("api", api, 6443, "API server"),
    ];
    for (name, _, port, _) in cases {
        let external = format!("{name}.outside.test");
        dns.set(&external, good);
        stage.name(name, &external, port).await;
    }
    for (name, bad, port, why) in cases {
        let external = format!("{name}.outside.test");
        if port == 8080 {
            stage.reaches(name, "one").await;
        }
        dns.set(&external, bad);
        stage.refuses(name, why).await;
        dns.set(&external, good);
        // Whoever may be at the other ports, it is asked.
        until("it is not refused any more", async || {
            stage.answer(name, "/").await != 503
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_proxy_never_connects_to_its_own_admin_listener() {
    let stage = Stage::start("own-admin", 75).await;
    // Nothing says that this is a proxy, so only the proxy itself can know.
    stage.lead_to("admin", stage.proxy.admin).await;
    stage.answers("admin", "/metrics", 502).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn what_the_administrator_allows_is_served_and_what_is_forbidden_is_not() {
    let place = Place::new("allowed", 76).await;
    let (admin, here) = (place.address(1, 10255), "127.0.0.1:8076");
    let allow = format!("--allow-target={here},{admin},10.244.76.202");
    let flags = [&*allow, "--forbid-target=10.244.76.200/30"];
    let stage = Stage::start_with(place, &flags).await;
    let local: SocketAddr = here.parse().unwrap();
    let _local = start_at(&stage.place, "local", &[(local, "local")], &[]);
    stage.name("loopback", "127.0.0.1", local.port()).await;
    stage.reaches("loopback", "local").await;
    stage.name("localhost", "localhost", local.port() + 1).await;
    stage.refuses("localhost", "this machine").await;
    stage.lead_to("admin", admin).await;
    stage.answers("admin", "/livez", 200).await;
    // What is forbidden is so for slices and for names, but for what is allowed of it.
    let forbidden = stage.place.address(201, 8080);
    stage.lead_to("slice", forbidden).await;
    stage.refuses("slice", "administrator forbids").await;
    stage.name("named", &forbidden.ip().to_string(), 8080).await;
    stage.refuses("named", "administrator forbids").await;
    stage.lead_to("but", stage.place.address(202, 8080)).await;
    stage.reaches("but", "two").await;
}
