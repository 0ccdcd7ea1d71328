//! Certificates are obtained, shown and renewed.

use std::time::Instant;

use serde_json::json;

use crate::history::History;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_certificate_is_obtained_through_us_and_renewed() {
    let stage = Stage::start("issued", 121).await;
    let (_authority, manager) = stage.manager().await;
    let host = stage.place.host("shop");
    let history = History::begin(&stage, &host, "shop").await;
    let asked = json!({"cert-manager.io/issuer": "pebble"});
    let begun = Instant::now();
    stage.make("shop", &asked, "/").await;
    manager.issues("shop", 1).await;
    println!("ready after {:?}", begun.elapsed());
    let first = history.is_followed().await;
    assert_eq!(first.len(), 1);
    assert!(first[0].issuer().contains("Pebble") && first[0].names(&host));
    // The redirect has begun when there is an Ingress with TLS, whatever certificate it has.
    assert_eq!(stage.answer("shop", "/").await, 308);

    let begun = Instant::now();
    manager.renew("shop").await;
    manager.issues("shop", 2).await;
    println!("renewed after {:?}", begun.elapsed());
    let both = history.is_followed().await;
    assert_eq!(both.len(), 2);
    assert!(both[1].issuer().contains("Pebble") && both[1].names(&host));
}

/// Edited in place, an Ingress gets the path of the solver itself, and a temporary certificate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_temporary_certificate_is_shown_until_there_is_the_one_asked_for() {
    let stage = Stage::start("temporary", 122).await;
    let (_authority, manager) = stage.manager().await;
    let host = stage.place.host("shop");
    let history = History::begin(&stage, &host, "shop").await;
    let asked = json!({
        "cert-manager.io/issuer": "pebble",
        "acme.cert-manager.io/http01-edit-in-place": "true",
    });
    stage.make("shop", &asked, "/").await;
    manager.issues("shop", 1).await;
    let chains = history.is_followed().await;
    assert_eq!(chains.len(), 2);
    assert!(chains[0].issuer().contains("cert-manager.local"));
    assert!(chains[1].issuer().contains("Pebble"));
    assert!(chains.iter().all(|chain| chain.names(&host)));
}
