//! An API server that comes back without the history that watches stand on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::controller::Controller;
use crate::http::samples;
use crate::past::forget;
use crate::place::BACKENDS;
use crate::site::Site;
use crate::wait::until;

const ROUNDS: usize = 3;
/// Kinds that a controller watches are listed again no more often than this.
const APART: Duration = Duration::from_millis(950);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn history_that_is_gone_withdraws_nothing_and_is_not_asked_for_in_a_flood() {
    let site = Site::start_alone("history", 2, 1).await;
    let load = site.load();
    let mut relists = Relists::new(&site.controllers[0]).await;
    for round in 0..ROUNDS {
        let published = published(&site).await;
        let before = relists.of_ingresses();
        forget(&site.place, &format!("unseen-{round}")).await;
        until("Ingresses are listed again", async || {
            relists.look().await;
            relists.of_ingresses() > before
        })
        .await;
        assert_eq!(self::published(&site).await, published, "nothing is told");
        let backend = BACKENDS[(round + 1) % 2].0;
        site.place.lead_to(backend).await;
        let host = site.host();
        until("a change is in traffic", async || {
            relists.look().await;
            site.proxy().answers(&host).await.as_deref() == Some(backend)
        })
        .await;
    }
    let requests = load.none_failed().await;
    let Relists { counts, least, .. } = relists;
    println!("{requests} requests, lists made again {counts:?}, of one kind {least:?} apart");
    assert!(least.is_none_or(|least| least >= APART), "{least:?}");
}

/// The number of what the controllers tell.
async fn published(site: &Site) -> f64 {
    let controller = &site.controllers[0];
    controller.metric("portreeve_published_number").await
}

/// How often each kind was listed again, looked at often enough to see every single time.
struct Relists {
    controller: std::net::SocketAddr,
    counts: BTreeMap<String, f64>,
    last: BTreeMap<String, Instant>,
    /// The shortest time between two of one kind.
    least: Option<Duration>,
}

impl Relists {
    async fn new(controller: &Controller) -> Self {
        let mut relists = Self {
            controller: controller.admin,
            counts: BTreeMap::new(),
            last: BTreeMap::new(),
            least: None,
        };
        relists.look().await;
        relists
    }

    async fn look(&mut self) {
        let counts = samples(self.controller, "portreeve_watch_relists_total").await;
        for (kind, count) in counts.unwrap() {
            let before = self.counts.insert(kind.clone(), count).unwrap_or(count);
            assert!(count - before <= 1.0, "{kind}: {} at once", count - before);
            if count > before {
                let now = Instant::now();
                let apart = self.last.insert(kind, now).map(|last| now - last);
                self.least = [self.least, apart].into_iter().flatten().min();
            }
        }
    }

    fn of_ingresses(&self) -> f64 {
        let of_kind = |(kind, _): &(&String, _)| kind.contains("\"Ingress\"");
        let count = self.counts.iter().find(of_kind);
        *count.expect("Ingresses are watched").1
    }
}
