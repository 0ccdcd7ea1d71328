//! Two controllers with classes of their own in one cluster, and an Ingress that goes from one to
//! the other.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Patch, PatchParams, WatchEvent, WatchParams};
use serde_json::json;
use tokio::task::JoinSet;

use crate::place::{Place, addresses};
use crate::stage::Stage;
use crate::wait::{until, within};

const MOVES: usize = 10;
/// How long a move may take; what is measured is printed.
const MOVED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_ingress_that_changes_its_class_moves_and_its_status_is_handed_over() {
    let stages = [
        Stage::start("side-a", 21).await,
        Stage::start("side-b", 22).await,
    ];
    for stage in &stages {
        stage.place.make_ingress("own").await;
        stage.is_ours("own").await;
    }
    let place = &stages[0].place;
    place.make_ingress("moving").await;
    stages[0].is_ours("moving").await;
    assert_eq!(answer(&stages[1], "moving").await, 404);
    let history = History::watch(place).await;
    let (mut routes, mut statuses) = (Vec::new(), Vec::new());
    for n in 1..=MOVES {
        let (from, to) = (&stages[(n - 1) % 2], &stages[n % 2]);
        let spec = json!({"spec": {"ingressClassName": to.place.name}});
        let params = PatchParams::default();
        let ingresses = place.api::<Ingress>();
        ingresses
            .patch("moving", &params, &Patch::Merge(spec))
            .await
            .unwrap();
        let start = Instant::now();
        within(MOVED, "its routes are with the other", async || {
            answer(from, "moving").await == 404 && answer(to, "moving").await == 200
        })
        .await;
        routes.push(start.elapsed());
        within(MOVED, "its status is the other's", async || {
            place.status("moving").await == to.controller.published()
        })
        .await;
        statuses.push(start.elapsed());
    }
    // Neither writes when nothing moves, so nobody can be writing over the other.
    let expected: Vec<_> = (0..=MOVES)
        .map(|n| stages[n % 2].controller.published())
        .collect();
    let seen = || history.of("moving");
    until("all of it has been seen", async || seen().len() > MOVES).await;
    assert_eq!(
        seen(),
        expected,
        "nobody else wrote, and it was never empty"
    );
    for stage in &stages {
        stage.is_ours("own").await;
        let fights = stage
            .controller
            .metric("portreeve_status_fights_total")
            .await;
        assert_eq!(fights, 0.0);
    }
    let most = (routes.iter().max().unwrap(), statuses.iter().max().unwrap());
    println!(
        "{MOVES} moves: routes within {:?}, statuses within {:?}",
        most.0, most.1
    );
}

async fn answer(stage: &Stage, ingress: &str) -> u16 {
    let host = format!("{ingress}.side-a.example");
    let answer = crate::http::get(stage.proxy.http, &host, "/").await;
    answer.unwrap().status
}

/// An Ingress and what its status says.
type Status = (String, Vec<String>);

/// Every status that the Ingresses of a place have had since, and what they had.
struct History {
    statuses: Arc<Mutex<Vec<Status>>>,
    _watching: JoinSet<()>,
}

impl History {
    async fn watch(place: &Place) -> Self {
        let ingresses = place.api::<Ingress>();
        let now = ingresses.list(&Default::default()).await.unwrap();
        let name = |ingress: &Ingress| ingress.metadata.name.clone().unwrap();
        let first: Vec<_> = now.iter().map(|it| (name(it), addresses(it))).collect();
        let version = now.metadata.resource_version.unwrap();
        let statuses = Arc::new(Mutex::new(first));
        let kept = Arc::clone(&statuses);
        let mut watching = JoinSet::new();
        watching.spawn(async move {
            let events = ingresses.watch(&WatchParams::default(), &version).await;
            let keep = |event| {
                if let WatchEvent::Modified(ingress) = event {
                    keep(
                        &mut kept.lock().unwrap(),
                        (name(&ingress), addresses(&ingress)),
                    );
                }
                ready(Ok(()))
            };
            events.unwrap().try_for_each(keep).await.unwrap();
        });
        Self {
            statuses,
            _watching: watching,
        }
    }

    /// What an Ingress' status has said, one after the other.
    fn of(&self, ingress: &str) -> Vec<Vec<String>> {
        let statuses = self.statuses.lock().unwrap();
        let of = statuses.iter().filter(|(name, _)| name == ingress);
        of.map(|(_, addresses)| addresses.clone()).collect()
    }
}

/// Keeps a status when it is another than the Ingress had.
fn keep(all: &mut Vec<Status>, now: Status) {
    let last = all.iter().rfind(|(name, _)| *name == now.0);
    if last != Some(&now) {
        all.push(now);
    }
}
