//! A leader that is killed while an order is under way.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::stage::Stage;
use crate::wait::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_order_goes_on_after_its_leader_was_killed_and_no_second_one_is_made() {
    let mut stage = Stage::start("acme-succession", 113).await;
    // One of the proxies does not answer, so the order waits for it.
    stage.lead_to_proxies(true).await;
    stage.want("shop").await;
    until("challenges are staged", async || {
        stage.secrets("portreeve-acme-challenge-").await.len() == 1
    })
    .await;
    let at = stage.leader().await;
    let killed = Instant::now();
    stage.controllers.remove(at).process.kill().await;
    stage.lead_to_proxies(false).await;
    stage.is_certified("shop", &BTreeSet::new()).await;
    println!(
        "certified {:?} after the leader was killed",
        killed.elapsed()
    );
    assert_eq!(stage.authority.orders(), 1);
    let orders = stage.controllers[0]
        .metric("portreeve_acme_orders_total")
        .await;
    assert_eq!(orders, 0.0, "it goes on with the order of the other");
}
