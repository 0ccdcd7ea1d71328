//! A leader that is stopped past its lease, and goes on as if no time had passed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{ListParams, WatchEvent, WatchParams};
use tokio::task::JoinSet;

use crate::controller::Controller;
use crate::place::{Place, addresses};
use crate::site::Site;
use crate::wait::{until, within};

const ROUNDS: usize = 3;
const RESUMED: Duration = Duration::from_secs(30);
/// What a controller writes, and what it fails to write, is counted by these.
const WRITES: [&str; 4] = [
    "portreeve_status_writes_total",
    "portreeve_status_errors_total",
    "portreeve_events_total",
    "portreeve_events_errors_total",
];
const LEADS: &str = "nginx_ingress_controller_leader_election_status";
/// A whole lease after the old leader goes on: by then it has tried whatever it would try.
const WATCHED: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_leader_that_was_stopped_never_writes_beside_the_next() {
    let site = Site::start("leader", 5, 1).await;
    let load = site.load();
    let mut resumed = Vec::new();
    for round in 0..ROUNDS {
        let at = site.leader().await;
        let (old, new) = (&site.controllers[at], &site.controllers[1 - at]);
        until("its statuses stand", async || {
            statuses(&site.place).await == BTreeSet::from([old.published()])
        })
        .await;
        let written = writes(old).await;
        old.process.signal("STOP").await;
        let stopped = Instant::now();
        // Both have something to write about it: the old leader as soon as it goes on.
        let name = format!("late-{round}");
        site.place.make_ingress(&name).await;
        within(RESUMED, "statuses are written again", async || {
            statuses(&site.place).await == BTreeSet::from([new.published()])
        })
        .await;
        resumed.push(stopped.elapsed());
        assert!(site.holder().await.starts_with(&new.name()));
        let seen = Seen::watch(&site.place);
        old.process.signal("CONT").await;
        goes_on(&site, old, new, &name).await;
        assert_eq!(writes(old).await, written, "{} wrote", old.name());
        assert!(site.holder().await.starts_with(&new.name()));
        assert_eq!(seen.addresses(), BTreeSet::from([new.published()]));
    }
    let requests = load.none_failed().await;
    println!("{requests} requests, statuses resumed after {resumed:?}, one writer at a time");
    assert!(resumed.iter().all(|took| *took <= RESUMED));
}

/// Looks at both for a while after the old leader goes on: never do two lead.
async fn goes_on(site: &Site, old: &Controller, new: &Controller, name: &str) {
    let since = Instant::now();
    until("the old leader has caught up", async || {
        let leading = old.metric(LEADS).await + new.metric(LEADS).await;
        assert!(leading <= 1.0, "two lead");
        assert_eq!(old.metric(LEADS).await, 0.0);
        let config = crate::http::get(old.admin, "admin", "/debug/config").await;
        let knows = config.unwrap().body.contains(&site.place.host(name));
        knows && since.elapsed() > WATCHED
    })
    .await;
}

/// What the statuses of all Ingresses say.
async fn statuses(place: &Place) -> BTreeSet<Vec<String>> {
    let ingresses = place.api::<Ingress>().list(&ListParams::default()).await;
    ingresses.unwrap().iter().map(addresses).collect()
}

async fn writes(controller: &Controller) -> Vec<f64> {
    let mut all = Vec::new();
    for name in WRITES {
        all.push(controller.metric(name).await);
    }
    all
}

/// Every status that any Ingress of a place has had since.
struct Seen {
    statuses: Arc<Mutex<BTreeSet<Vec<String>>>>,
    _watching: JoinSet<()>,
}

impl Seen {
    fn watch(place: &Place) -> Self {
        let statuses = Arc::new(Mutex::new(BTreeSet::new()));
        let (ingresses, kept) = (place.api::<Ingress>(), Arc::clone(&statuses));
        let mut watching = JoinSet::new();
        watching.spawn(async move {
            let events = ingresses.watch(&WatchParams::default(), "0").await.unwrap();
            let keep = async |event| {
                if let WatchEvent::Added(ingress) | WatchEvent::Modified(ingress) = event {
                    kept.lock().unwrap().insert(addresses(&ingress));
                }
                Ok(())
            };
            events.try_for_each(keep).await.unwrap();
        });
        Self {
            statuses,
            _watching: watching,
        }
    }

    fn addresses(&self) -> BTreeSet<Vec<String>> {
        self.statuses.lock().unwrap().clone()
    }
}
