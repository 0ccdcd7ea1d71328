//! Controllers and proxies that are replaced one after the other, as by a rollout.

use crate::balancer::Balancer;
use crate::load::Load;
use crate::proxy::Proxy;
use crate::site::Site;
use crate::wait::until;

const ROUNDS: usize = 5;
/// How many requests are made meanwhile.
const REQUESTS: u64 = 100_000;
/// How many requests a second are made over connections that are kept, and over new ones.
const RATES: (u32, u32) = (1500, 150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn controllers_are_replaced_without_a_failed_request() {
    let mut site = Site::start("rolling-controllers", 6, 1).await;
    let load = Load::start(site.proxy().http, &site.host(), RATES.0);
    let mut replaced = 0;
    while replaced < 2 * ROUNDS || load.requests() < REQUESTS {
        let at = replaced % 2;
        let status = site.controllers.remove(at).process.terminate().await;
        assert!(status.success(), "{status}");
        site.start_controller(at);
        site.controllers[at].ready().await;
        // What is new comes from whichever controller the proxy is with.
        let name = format!("new-{replaced}");
        site.place.make_ingress(&name).await;
        site.proxy().serves(&site.place.host(&name)).await;
        replaced += 1;
    }
    let requests = load.none_failed().await;
    println!("{requests} requests, {replaced} controllers replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn proxies_are_replaced_without_a_failed_request() {
    let mut site = Site::start("rolling-proxies", 7, 2).await;
    let balancer = Balancer::start(&site.place, &site.proxies).await;
    let kept = Load::start(balancer.address, &site.host(), RATES.0);
    let anew = Load::start_anew(balancer.address, &site.host(), RATES.1);
    let mut replaced = 0;
    while replaced < 2 * ROUNDS || kept.requests() + anew.requests() < REQUESTS {
        let at = replaced % 2;
        let status = site.proxies.remove(at).process.terminate().await;
        assert!(status.success(), "{status}");
        let number = u8::try_from(at + 1).unwrap();
        site.proxies.insert(at, Proxy::start(&site.place, number));
        until("it is forwarded to", async || balancer.forwards_to(at)).await;
        replaced += 1;
    }
    let requests = kept.none_failed().await + anew.none_failed().await;
    println!("{requests} requests, {replaced} proxies replaced");
    assert_eq!(balancer.broken(), Vec::<String>::new());
}
