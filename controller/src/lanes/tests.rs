//! What each lane publishes, and when, with a snapshot that each test makes.

use super::*;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use portreeve_translate::Object;
use serde_json::{Value, json};

use crate::published::Latest;

/// Enough routes that to lose them is too much.
const MANY: usize = 60;

/// Lanes that doubt that more than half of the routes go, what they publish, and whether something
/// is held back.
fn lanes() -> (Lanes, Latest, watch::Receiver<bool>) {
    let (publish, latest) = watch::channel(None);
    let (held, is_held) = watch::channel(false);
    let tell = Tell {
        publish,
        board: Board::new().0,
        seen: watch::channel(None).0,
        service: None,
        held,
        counts: Arc::default(),
    };
    let hold = Duration::from_secs(10);
    let limit = Limit { percent: 50, hold };
    (
        Lanes::new(Options::standalone(), limit, tell),
        latest,
        is_held,
    )
}

fn ingress(name: &str, service: &str, routes: usize) -> Object {
    let backend = json!({"service": {"name": service, "port": {"number": 80}}});
    let path = |n| json!({"path": format!("/{n}"), "pathType": "Prefix", "backend": backend});
    let paths = (0..routes).map(path).collect::<Value>();
    let rule = json!({"host": format!("{name}.x"), "http": {"paths": paths}});
    let meta = json!({"namespace": "shop", "name": name});
    let ingress = json!({"metadata": meta, "spec": {"rules": [rule]}});
    serde_json::from_value::<Ingress>(ingress).unwrap().into()
}

/// A Service and its one endpoint.
fn service(name: &str, address: &str) -> [Object; 2] {
    let meta = json!({"namespace": "shop", "name": name});
    let service = json!({"metadata": meta, "spec": {"ports": [{"port": 80}]}});
    let labels = json!({"kubernetes.io/service-name": name});
    let slice = json!({
        "metadata": {"namespace": "shop", "name": name, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
    });
    [
        serde_json::from_value::<Service>(service).unwrap().into(),
        serde_json::from_value::<EndpointSlice>(slice)
            .unwrap()
            .into(),
    ]
}

/// Two Services with an endpoint each, which an Ingress leads to, and maybe one with many routes.
fn snapshot(is_whole: bool, web: &str, api: &str) -> Option<Arc<Snapshot>> {
    let many = is_whole.then(|| ingress("many", "web", MANY));
    let few = [ingress("web", "web", 1), ingress("api", "api", 1)];
    let services = [service("web", web), service("api", api)];
    let objects = many.into_iter().chain(few);
    let all = objects.chain(services.into_iter().flatten());
    Some(Arc::new(Snapshot::from_objects(all).0))
}

fn changed(routes: bool) -> Changed {
    let endpoints = ["web", "api"].map(|name| ObjectKey::new("shop", name));
    Changed {
        routes,
        endpoints: endpoints.into(),
        status: false,
    }
}

/// How many routes are published, and the endpoints of each Service.
fn published(latest: &Latest) -> (usize, String) {
    let latest = latest.borrow().clone().unwrap();
    let config = &latest.translation.config;
    let routes = config.hosts.values().map(|host| host.routes.len());
    let endpoints = config.upstreams.values().flat_map(|it| &it.endpoints);
    let addresses: Vec<_> = endpoints.map(|it| it.address.ip().to_string()).collect();
    (routes.sum(), addresses.join(" "))
}

#[tokio::test]
async fn endpoints_change_while_a_loss_is_held() {
    let (mut lanes, latest, is_held) = lanes();
    lanes
        .translate(snapshot(true, "10.0.0.1", "10.0.1.1"))
        .await;
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.1 10.0.0.1".into()));
    // Routes go, and endpoints change with them.
    let less = snapshot(false, "10.0.0.2", "10.0.1.2");
    lanes.note(changed(true));
    lanes.translate(less.clone()).await;
    assert!(*is_held.borrow());
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.1 10.0.0.1".into()));
    assert!(
        lanes.endpoints.due().is_some(),
        "they have not been published"
    );
    lanes.update(less);
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.2 10.0.0.2".into()));
    // Of one there is something new to say: it waits, and the other does not.
    let less = snapshot(false, "169.254.169.254", "10.0.1.3");
    lanes.note(changed(false));
    lanes.update(less.clone());
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.3 10.0.0.2".into()));
    let dues = (lanes.routes.due(), lanes.endpoints.due());
    assert_eq!(
        dues,
        (None, None),
        "nothing is tried again while it is held"
    );
    // The loss is over.
    let whole = snapshot(true, "169.254.169.254", "10.0.1.3");
    lanes.note(changed(true));
    lanes.translate(whole).await;
    assert!(!*is_held.borrow());
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.3".into()));
    assert_eq!(
        lanes.endpoints.due(),
        None,
        "all of them have been published"
    );
}

#[tokio::test]
async fn what_is_new_to_say_of_an_endpoint_is_translated_and_delays_no_other() {
    let (mut lanes, latest, _) = lanes();
    lanes
        .translate(snapshot(true, "10.0.0.1", "10.0.1.1"))
        .await;
    lanes.note(changed(false));
    lanes.update(snapshot(true, "169.254.169.254", "10.0.1.2"));
    assert_eq!(published(&latest), (MANY + 2, "10.0.1.2 10.0.0.1".into()));
    assert!(lanes.routes.due().is_some());
}
