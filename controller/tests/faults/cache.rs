//! Proxies that are started while there is no controller.

use crate::controller::Controller;
use crate::http::says_yes;
use crate::proxy::Proxy;
use crate::site::Site;
use crate::wait::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn without_a_controller_a_proxy_serves_what_it_kept_and_says_so() {
    let mut site = Site::start("cache", 4, 1).await;
    let host = site.host();
    let kept = site.proxy().cache.join("config.jsonl");
    until("the configuration is kept", async || {
        std::fs::read_to_string(&kept).is_ok_and(|kept| kept.contains(&host))
    })
    .await;
    for _ in 0..2 {
        site.kill_controller(0).await;
    }
    site.proxies.remove(0).process.kill().await;

    let again = Proxy::start(&site.place, 1);
    let took = until("it is ready", async || again.is_ready().await).await;
    assert_eq!(again.answers(&host).await.as_deref(), Some("one"));
    assert_eq!(again.metric("portreeve_config_stale").await, 1.0);
    assert_eq!(again.metric("portreeve_controller_connected").await, 0.0);
    println!("ready from what was kept after {took:?}");

    let empty = Proxy::start(&site.place, 2);
    until("it lives", async || says_yes(empty.admin, "/livez").await).await;
    assert!(!empty.is_ready().await);
    assert!(empty.answers(&host).await.is_none());

    site.place.lead_to("two").await;
    let _controller = Controller::start(&site.place, 2);
    let took = until("both are up to date", async || {
        again.answers(&host).await.as_deref() == Some("two")
            && empty.answers(&host).await.as_deref() == Some("two")
    })
    .await;
    for proxy in [&again, &empty] {
        assert!(proxy.is_ready().await);
        assert_eq!(proxy.metric("portreeve_config_stale").await, 0.0);
    }
    println!("up to date {took:?} after a controller was started");
}
