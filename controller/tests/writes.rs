//! What is assumed of server-side apply and of Events, at a real API server.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use portreeve_controller::events::{Board, Herald, Notice, Posted};
use portreeve_controller::status::{Farewell, IngressNow, Seen, Source, Writer};
use portreeve_controller::{Count, Counts, Guard};
use portreeve_translate::{Kind, ObjectKey, ObjectRef, Owner};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const OURS: &str = "192.0.2.1";
const THEIRS: &str = "192.0.2.9";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A namespace of a test's own, with an Ingress in it.
struct Place {
    client: Client,
    namespace: &'static str,
    ingresses: Api<Ingress>,
}

impl Place {
    async fn new(namespace: &'static str) -> Self {
        let client = Client::try_default().await.expect("a cluster");
        let all: Api<Namespace> = Api::all(client.clone());
        create(&all, json!({"metadata": {"name": namespace}})).await;
        let ingresses = Api::namespaced(client.clone(), namespace);
        let service = json!({"name": "web", "port": {"number": 80}});
        let spec = json!({"defaultBackend": {"service": service}});
        create(
            &ingresses,
            json!({"metadata": {"name": "web"}, "spec": spec}),
        )
        .await;
        Self {
            client,
            namespace,
            ingresses,
        }
    }

    /// The status is written by somebody else.
    async fn is_written(&self, ips: &[&str]) {
        let ips: Vec<_> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        let status = json!({"status": {"loadBalancer": {"ingress": ips}}});
        let params = PatchParams {
            field_manager: Some("somebody".into()),
            ..PatchParams::default()
        };
        let patch = Patch::Merge(status);
        self.ingresses
            .patch_status("web", &params, &patch)
            .await
            .unwrap();
    }

    /// What a watch would tell now.
    async fn seen(&self) -> Seen {
        let ingress = self.ingresses.get("web").await.unwrap();
        let balancer = ingress.status.and_then(|status| status.load_balancer);
        Seen {
            ingresses: vec![IngressNow {
                key: ObjectKey::new(self.namespace, "web"),
                uid: ingress.metadata.uid.unwrap().into(),
                version: ingress.metadata.resource_version.unwrap().into(),
                owner: Owner::Ours,
                addresses: balancer.and_then(|b| b.ingress).unwrap_or_default(),
            }],
            service: None,
        }
    }

    async fn says(&self) -> Vec<String> {
        let addresses = self.seen().await.ingresses.remove(0).addresses;
        addresses
            .into_iter()
            .filter_map(|address| address.ip)
            .collect()
    }
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: Clone + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

fn leading() -> Guard {
    let (_, leads) = watch::channel(true);
    Guard::new(leads, || true)
}

/// A writer that leads.
struct Running {
    seen: watch::Sender<Option<Arc<Seen>>>,
    counts: Arc<Counts>,
    stop: oneshot::Sender<Farewell>,
    writer: JoinHandle<()>,
}

impl Running {
    fn new(client: &Client) -> Self {
        let (seen, receiver) = watch::channel(None);
        let counts = Arc::new(Counts::default());
        let source = Source::Given(vec![OURS.into()]);
        let (board, _) = Board::new();
        let (client, written) = (client.clone(), Arc::clone(&counts));
        let writer = Writer::new(client, leading(), source, receiver, board, written);
        let (stop, stopped) = oneshot::channel();
        let writer = tokio::spawn(writer.run(async { stopped.await.unwrap() }));
        Self {
            seen,
            counts,
            stop,
            writer,
        }
    }

    /// Tells what is, and waits for what that leads to.
    async fn tell(&self, seen: Seen, writes: u64) {
        self.seen.send_replace(Some(Arc::new(seen)));
        until(async || self.counts.get(Count::StatusWrites) == writes).await;
        assert_eq!(self.counts.get(Count::StatusErrors), 0);
    }

    async fn stop(self, farewell: Farewell) {
        self.stop.send(farewell).unwrap();
        timeout(PATIENCE, self.writer).await.unwrap().unwrap();
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it did not happen");
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn a_status_is_written_taken_over_and_taken_back() {
    let place = Place::new("writes-status").await;
    let running = Running::new(&place.client);
    running.tell(place.seen().await, 1).await;
    assert_eq!(place.says().await, [OURS]);
    place.is_written(&[THEIRS]).await;
    running.tell(place.seen().await, 2).await;
    assert_eq!(place.says().await, [OURS]);
    assert_eq!(running.counts.get(Count::StatusTakeovers), 1);
    running
        .seen
        .send_replace(Some(Arc::new(place.seen().await)));
    running.stop(Farewell::Clear).await;
    assert!(place.says().await.is_empty());
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_somebody_else_wrote_since_is_not_taken_back() {
    let place = Place::new("writes-handed-over").await;
    let running = Running::new(&place.client);
    running.tell(place.seen().await, 1).await;
    // Nobody has told the writer of it yet.
    place.is_written(&[THEIRS]).await;
    let mut seen = place.seen().await;
    seen.ingresses[0].addresses = serde_json::from_value(json!([{"ip": OURS}])).unwrap();
    running.seen.send_replace(Some(Arc::new(seen)));
    running.stop(Farewell::Clear).await;
    assert_eq!(place.says().await, [THEIRS]);
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn an_event_is_beside_its_object_once_whoever_leads() {
    let place = Place::new("writes-events").await;
    let uid = place.seen().await.ingresses.remove(0).uid;
    let object = ObjectRef {
        kind: Kind::Ingress,
        namespace: place.namespace.into(),
        name: "web".into(),
    };
    let notice = Notice::warning(object, Some(&uid), "HostInvalid", "Translate", "No host.");
    let events: Api<Event> = Api::namespaced(place.client.clone(), place.namespace);
    // As kubectl describe asks for them.
    let selector = format!("regarding.kind=Ingress,regarding.name=web,regarding.uid={uid}");
    let of_object = ListParams::default().fields(&selector);
    let series = async || {
        let found = events.list(&of_object).await.unwrap().items;
        assert!(found.len() <= 1, "{found:?}");
        found
            .first()
            .map(|event| event.series.as_ref().map(|series| series.count))
    };
    for name in ["first", "second"] {
        let (board, posted) = Board::new();
        let counts = Arc::new(Counts::default());
        let herald = herald(&place.client, name, posted, &counts);
        board.post("test", [notice.clone()]);
        until(async || counts.get(Count::Events) == 1).await;
        assert_eq!(series().await, Some(None));
        if name == "second" {
            // What is about another object shows that the board was looked at.
            let mut other = notice.clone();
            other.object.name = "api".into();
            board.post("test", [other]);
            until(async || counts.get(Count::Events) == 2).await;
            board.post("test", [notice.clone()]);
            until(async || counts.get(Count::Events) == 3).await;
            assert_eq!(series().await, Some(Some(2)));
        }
        assert_eq!(counts.get(Count::EventErrors), 0);
        herald.abort();
    }
}

fn herald(
    client: &Client,
    name: &str,
    posted: watch::Receiver<Posted>,
    counts: &Arc<Counts>,
) -> JoinHandle<()> {
    let herald = Herald::new(client.clone(), leading(), name, posted, Arc::clone(counts));
    tokio::spawn(herald.run())
}
