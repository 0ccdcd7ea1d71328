//! Most of what is served goes at once: by mistake, and then in earnest.

use std::time::{Duration, Instant};

use crate::http::{get, metric};
use crate::site::Site;
use crate::wait::until;

/// Enough that to lose most of them is too much to be believed at once.
const INGRESSES: usize = 60;
/// For how long it is doubted.
const HOLD: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_class_that_is_deleted_and_made_again_costs_no_request() {
    let site = Site::start_prepared("losses", 19, 1, async |place| {
        for n in 0..INGRESSES {
            place.make_ingress(&format!("more-{n}")).await;
        }
    })
    .await;
    let load = site.load();
    site.place.delete_own_class().await;
    until("the loss is held back", async || are_held(&site, 1.0).await).await;
    site.place.make_own_class().await;
    let back = until("nothing is held back", async || are_held(&site, 0.0).await).await;
    assert!(
        back < HOLD / 2,
        "that it came back is not doubted: {back:?}"
    );
    let requests = load.none_failed().await;

    // In earnest, it is believed after a while, and not before.
    let deleted = Instant::now();
    site.place.delete_own_class().await;
    until("nothing is served any more", async || {
        status(&site).await == 404
    })
    .await;
    let believed = deleted.elapsed();
    assert!(believed >= HOLD, "{believed:?}");
    for controller in &site.controllers {
        let held = metric(controller.admin, "portreeve_losses_held_total").await;
        assert_eq!(held.unwrap(), 2.0);
    }
    println!("{requests} requests, believed after {believed:?}");
}

async fn are_held(site: &Site, expected: f64) -> bool {
    for controller in &site.controllers {
        let held = metric(controller.admin, "portreeve_loss_held").await;
        if held.unwrap() != expected {
            return false;
        }
    }
    true
}

async fn status(site: &Site) -> u16 {
    let answer = get(site.proxy().http, &site.host(), "/").await;
    answer.map_or(0, |answer| answer.status)
}
