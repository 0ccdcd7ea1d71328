//! Ingresses of which nobody knows what they are to mean, as long as the API server takes them.

use futures_util::{StreamExt, stream};
use http::Request;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Map, Value, json};

use crate::chance::Chance;
use crate::http::get;
use crate::mutant::mutant;
use crate::place::Place;
use crate::site::Site;
use crate::wait::until;

/// How many mutants are made in all.
const MUTANTS: usize = 10_000;
/// How many of them come together, and how many of these rounds are there at a time: when the first
/// of three goes, the routes that are left are too many for a loss that is doubted.
const ROUND: usize = 500;
const ROUNDS_LEFT: usize = 2;
/// More than are ever needed for so many that the API server takes.
const TRIES: usize = 50 * MUTANTS;
/// How many are sent at a time.
const AT_ONCE: usize = 16;
/// How many Ingresses there are that must not change.
const OTHERS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn whatever_an_ingress_says_others_are_served_as_before() {
    let mut site = Site::start("mutants", 12, 1).await;
    for n in 0..OTHERS {
        site.place.make_ingress(&format!("other-{n}")).await;
    }
    let load = site.load();
    let mut before = Value::Null;
    for at in 0..site.controllers.len() {
        site.controllers[at].ready().await;
        until("all others are known", async || {
            before = others(&config(&site, at).await);
            before["hosts"]
                .as_object()
                .is_some_and(|all| all.len() == OTHERS + 1)
        })
        .await;
    }
    assert_eq!(
        before["upstreams"].as_object().map(Map::len),
        Some(1),
        "{before}"
    );
    let (mut chance, mut taken, mut tries) = (Chance::new(4), 0, 0);
    for round in 0..MUTANTS / ROUND {
        while taken < (round + 1) * ROUND {
            assert!(tries < TRIES, "only {taken} were taken");
            let lack = (round + 1) * ROUND - taken;
            let some: Vec<_> = (0..lack.max(AT_ONCE))
                .map(|n| labelled(&mut chance, &site.place, tries + n, round))
                .collect();
            tries += some.len();
            let posts = some.iter().map(|object| post(&site.place, object));
            let posted: Vec<bool> = stream::iter(posts)
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            taken += posted.iter().filter(|was_taken| **was_taken).count();
        }
        // What comes after all of them is known when they are.
        let last = format!("last-{round}");
        site.place.make_ingress(&last).await;
        for at in 0..site.controllers.len() {
            let mut now = Value::Null;
            until("all of them are known", async || {
                now = config(&site, at).await;
                !now["hosts"][site.place.host(&last)].is_null()
            })
            .await;
            let (now, was) = (others(&now).to_string(), before.to_string());
            assert_eq!(now, was, "round {round}, controller {at}");
            let rejecting = "portreeve_proxies{state=\"rejecting\"}";
            assert_eq!(site.controllers[at].metric(rejecting).await, 0.0);
        }
        if let Some(gone) = round.checked_sub(ROUNDS_LEFT) {
            forget(&site.place, gone).await;
        }
    }
    let last = format!("last-{}", MUTANTS / ROUND - 1);
    site.proxy().serves(&site.place.host(&last)).await;
    let found = site.controllers[0].metric("portreeve_diagnostics").await;
    let requests = load.none_failed().await;
    println!(
        "{requests} requests, {taken} mutants of {tries} taken, {found} diagnostics at the end"
    );
    nobody_panicked(&mut site);
}

fn labelled(chance: &mut Chance, place: &Place, number: usize, round: usize) -> Value {
    let mut object = mutant(chance, place.name, &format!("mutant-{number}"));
    object["metadata"]["labels"] = json!({"round": round.to_string()});
    object
}

/// Takes back the mutants of a round.
async fn forget(place: &Place, round: usize) {
    let those = ListParams::default().labels(&format!("round={round}"));
    let all = place.api::<Ingress>();
    let params = DeleteParams::default();
    all.delete_collection(&params, &those).await.unwrap();
}

/// What a controller tells.
async fn config(site: &Site, at: usize) -> Value {
    let config = get(site.controllers[at].admin, "admin", "/debug/config").await;
    serde_json::from_str(&config.unwrap().body).unwrap()
}

/// What is told of Ingresses that are no mutants, and of where they lead: each of their routes as it
/// is written, on whatever host, and all upstreams that these name.
fn others(config: &Value) -> Value {
    let is_other = |route: &&Value| {
        let name = route["origin"]["name"].as_str().unwrap();
        name.starts_with("other-") || name == "web"
    };
    let mut hosts = Map::new();
    for (host, value) in config["hosts"].as_object().unwrap() {
        let routes = value["routes"].as_array().unwrap().iter().filter(is_other);
        let routes: Vec<_> = routes.cloned().collect();
        if !routes.is_empty() {
            hosts.insert(host.clone(), routes.into());
        }
    }
    let named = json!(hosts).to_string();
    let upstreams = config["upstreams"].as_object().unwrap().iter();
    let upstreams = upstreams.filter(|(key, _)| named.contains(&format!("\"{key}\"")));
    let upstreams: Map<_, _> = upstreams
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    json!({"hosts": hosts, "upstreams": upstreams})
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
