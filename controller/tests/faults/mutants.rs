//! Ingresses of which nobody knows what they are to mean, as long as the API server takes them.

use http::Request;
use serde_json::Value;

use crate::chance::Chance;
use crate::http::get;
use crate::mutant::mutant;
use crate::place::Place;
use crate::site::Site;

const MUTANTS: usize = 200;
/// More than are ever needed for so many that the API server takes.
const TRIES: usize = 50 * MUTANTS;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn whatever_an_ingress_says_others_are_served_as_before() {
    let mut site = Site::start("mutants", 12, 1).await;
    let load = site.load();
    let host = site.host();
    let before = table(&site, 0, &host).await;
    assert!(before.len() > 100, "{before}");
    let (mut chance, mut taken, mut tries) = (Chance::new(4), 0, 0);
    while taken < MUTANTS {
        tries += 1;
        assert!(tries < TRIES, "only {taken} were taken");
        let object = mutant(&mut chance, site.place.name, &format!("mutant-{tries}"));
        taken += usize::from(post(&site.place, &object).await);
    }
    // What comes after all of them is known when they are.
    site.place.make_ingress("last").await;
    site.proxy().serves(&site.place.host("last")).await;
    for at in 0..site.controllers.len() {
        site.controllers[at].ready().await;
        crate::wait::until("all of them are known", async || {
            !table(&site, at, &site.place.host("last")).await.is_empty()
        })
        .await;
        assert_eq!(table(&site, at, &host).await, before);
        let rejecting = "portreeve_proxies{state=\"rejecting\"}";
        assert_eq!(site.controllers[at].metric(rejecting).await, 0.0);
    }
    let found = site.controllers[0].metric("portreeve_diagnostics").await;
    let requests = load.none_failed().await;
    println!("{requests} requests, {taken} mutants of {tries} taken, {found} diagnostics");
    nobody_panicked(&mut site);
}

/// What a controller tells of a host, as it is written; empty when that is nothing.
async fn table(site: &Site, at: usize, host: &str) -> String {
    let config = get(site.controllers[at].admin, "admin", "/debug/config").await;
    let config: Value = serde_json::from_str(&config.unwrap().body).unwrap();
    let table = config["hosts"].get(host);
    table.map_or_else(String::new, Value::to_string)
}

/// Creates an object of whatever shape; says whether the API server took it.
async fn post(place: &Place, object: &Value) -> bool {
    let path = format!(
        "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
        place.name
    );
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(object.to_string().into_bytes()).unwrap();
    match place.client.request::<Value>(request).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if (400..500).contains(&status.code) => false,
        Err(error) => panic!("{error}: {object}"),
    }
}

fn nobody_panicked(site: &mut Site) {
    let controllers = site.controllers.iter_mut().map(|c| &mut c.process);
    let proxies = site.proxies.iter_mut().map(|proxy| &mut proxy.process);
    for process in controllers.chain(proxies) {
        assert!(process.is_alive());
    }
    for name in ["c1.log", "c2.log", "p1.log"] {
        let log = std::fs::read_to_string(site.place.folder.join(name)).unwrap();
        assert!(
            !log.contains("panicked") && !log.contains("failed"),
            "{log}"
        );
    }
}
