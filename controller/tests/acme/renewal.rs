//! A certificate that the CA wants renewed, while clients come and go.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::events::told;
use crate::handshakes::Handshakes;
use crate::stage::Stage;

const HANDSHAKES: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_renewal_moves_every_proxy_and_costs_no_handshake() {
    let stage = Stage::start("acme-renewed", 112).await;
    stage.want("shop").await;
    let first = stage.is_certified("shop", &BTreeSet::new()).await;
    let host = stage.place.host("shop");
    let handshakes = Handshakes::begin(&stage.https(), &host);
    handshakes.failed_of(HANDSHAKES / 10).await;
    let begun = Instant::now();
    stage.authority.wants_renewed(&first).await;
    let before = BTreeSet::from([first.clone()]);
    let second = stage.is_certified("shop", &before).await;
    println!("renewed on every proxy after {:?}", begun.elapsed());
    let more = handshakes.made() + HANDSHAKES / 10;
    let failed = handshakes.failed_of(more.max(HANDSHAKES)).await;
    println!("{failed} of {} handshakes failed", handshakes.made());
    assert_eq!(failed, 0);
    assert_eq!(handshakes.chains(), BTreeSet::from([first, second]));
    assert_eq!(stage.authority.orders(), 2);
    let place = &stage.place;
    told(
        place,
        place.name,
        "shop",
        &["CertificateIssued", "CertificateRenewed"],
    )
    .await;
}
