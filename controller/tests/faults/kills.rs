//! Controllers that are killed again and again.

use std::time::Duration;

use crate::place::BACKENDS;
use crate::site::Site;
use crate::wait::until;

const KILLS: usize = 20;
const REQUESTS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn twenty_kills_of_controllers_cost_no_request() {
    let mut site = Site::start("kills", 3, 1).await;
    let load = site.load();
    let mut seen = Vec::new();
    for kill in 0..KILLS {
        let at = kill % 2;
        site.kill_controller(at).await;
        // The other one makes the change known, before or after the proxy has come to it.
        let backend = BACKENDS[(kill + 1) % 2].0;
        site.place.lead_to(backend).await;
        let host = site.host();
        let took = until("a change is in traffic", async || {
            site.proxy().answers(&host).await.as_deref() == Some(backend)
        });
        seen.push(took.await);
        site.start_controller(at);
        site.controllers[at].ready().await;
    }
    until("enough requests are made", async || {
        load.requests() >= REQUESTS
    })
    .await;
    let requests = load.none_failed().await;
    let longest = seen.iter().max().unwrap();
    println!("{requests} requests, {KILLS} kills, changes in traffic after {longest:?} at most");
    assert!(*longest < Duration::from_secs(5), "{seen:?}");
}
