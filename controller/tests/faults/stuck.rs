//! A proxy that neither reads nor answers, beside one that does.

use std::time::{Duration, Instant};

use crate::http::metric;
use crate::site::Site;
use crate::wait::{until, within};

/// How soon a proxy is let go of that does not answer, with what a busy machine may add.
const LET_GO: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_proxy_that_stops_reading_is_let_go_and_catches_up() {
    let site = Site::start("stuck", 9, 2).await;
    let load = site.load();
    let [other, stuck] = &site.proxies[..] else {
        panic!("there are two");
    };
    assert_eq!(connected(&site).await, 2.0);
    stuck.process.signal("STOP").await;
    let stopped = Instant::now();
    let mut longest = Duration::ZERO;
    let mut made = 0;
    while connected(&site).await > 1.0 {
        assert!(stopped.elapsed() < LET_GO, "it is still kept");
        made += 1;
        let host = make(&site, made).await;
        let took = until("the other goes on", async || {
            other.answers(&host).await.is_some()
        });
        longest = longest.max(took.await);
    }
    let let_go = stopped.elapsed();
    let host = make(&site, made + 1).await;
    other.serves(&host).await;
    stuck.process.signal("CONT").await;
    let caught_up = within(LET_GO, "it catches up", async || {
        stuck.answers(&host).await.is_some()
    })
    .await;
    let requests = load.none_failed().await;
    println!(
        "{requests} requests, let go after {let_go:?}, {made} changes meanwhile at the other after {longest:?} at most, caught up after {caught_up:?}"
    );
}

async fn make(site: &Site, number: usize) -> String {
    let name = format!("new-{number}");
    site.place.make_ingress(&name).await;
    site.place.host(&name)
}

/// How many proxies the controllers have.
async fn connected(site: &Site) -> f64 {
    let mut all = 0.0;
    for controller in &site.controllers {
        let name = "portreeve_proxies{state=\"all\"}";
        all += metric(controller.admin, name).await.unwrap();
    }
    all
}
