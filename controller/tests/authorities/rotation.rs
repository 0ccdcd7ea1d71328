//! An authority that is replaced while the API server calls the webhook.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::networking::v1::Ingress;
use portreeve_identity::{CHAIN_FILE, Role};

use crate::calls::{Calls, make};
use crate::configuration::{self, believed, deployed, kubectl_apply};
use crate::keeping::{Keeping, pki};
use crate::place::Place;
use crate::responder::Responder;
use crate::wait::until;

/// After two thirds of ten years an authority is replaced.
const DUE: SignedDuration = SignedDuration::from_hours(2433 * 24 + 8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_authority_is_replaced_while_the_api_server_calls_the_webhook() {
    let place = Place::new("webhook-rotation", 60).await;
    configuration::make_service(&place).await;
    kubectl_apply(&place, &deployed(&place));
    let now = Timestamp::now();
    let ago = |hours| now - SignedDuration::from_hours(hours);
    // Years pass for the authority, until it is time for the next one, which signs nothing yet; and
    // the API server is not told of it in time.
    let keeping = renewed(&place, || Keeping::start(&place, ago(8) - DUE)).await;
    believes(&place, 1).await;
    drop(keeping);
    renewed(&place, || Keeping::start_in_silence(&place, ago(6))).await;
    believes(&place, 1).await;
    let folder = pki(&place).join(Role::Admission.word());
    let responder = Responder::start(configuration::address(&place), &folder).await;
    let api = place.api::<Ingress>();
    until("the API server calls the webhook", async || {
        make(&api).await.is_ok()
    })
    .await;

    let calls = Calls::start(&place);
    let keeping = Keeping::start(&place, ago(4));
    believes(&place, 2).await;
    // It has had time to believe it: the next authority signs.
    renewed(&place, || keeping.set(ago(2))).await;
    assert!(pki(&place).join("ca/old.crt").exists());
    calls.go_on().await;
    // The former is believed no more.
    renewed(&place, || keeping.set(now)).await;
    believes(&place, 1).await;
    calls.go_on().await;
    let made = calls.none_failed().await;
    let reviews = responder.reviews();
    println!("{made} calls, none failed; with each certificate: {reviews:?}");
    assert_eq!(reviews.len(), 3, "{reviews:?}");
    assert!(!pki(&place).join("ca/old.crt").exists());
    configuration::delete(&place).await;
}

/// Does something, and waits until the webhook has another certificate for it.
async fn renewed<T>(place: &Place, change: impl FnOnce() -> T) -> T {
    let leaf = pki(place).join(Role::Admission.word()).join(CHAIN_FILE);
    let read = || std::fs::read_to_string(&leaf).unwrap_or_default();
    let before = read();
    let changed = change();
    until("the webhook has another certificate", async || {
        read() != before
    })
    .await;
    changed
}

/// Waits until the API server believes so many authorities.
async fn believes(place: &Place, authorities: usize) {
    until("the API server is told", async || {
        believed(place).await == Some(authorities)
    })
    .await;
}
