//! Certificates in Secrets.

use std::time::Duration;

use jiff::SignedDuration;
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::Home;
use portreeve_identity::Role;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::{Api, Link, Mode};
use crate::certificates::{Clock, Own, keep};
use crate::election::stand;

const NAMES: [&str; 4] = [
    "portreeve-ca",
    "portreeve-controller-tls",
    "portreeve-proxy-tls",
    "portreeve-admission-tls",
];

fn path(name: &str) -> String {
    format!("/api/v1/namespaces/edge/secrets/{name}")
}

fn secret(api: &Api, name: &str) -> Value {
    api.get(&path(name)).unwrap()
}

async fn keep_secrets(link: &Link, leadership: &Leadership, clock: &Clock) -> Own {
    keep(Home::secrets(link.client(), "edge"), leadership, clock).await
}

#[tokio::test(start_paused = true)]
async fn secrets_are_made_of_the_type_for_certificates() {
    let (api, clock) = (Api::default(), Clock::new());
    let own = keep_secrets(&api.link(), &Leadership::always(), &clock).await;
    assert_eq!(own.borrow().as_ref().unwrap().role(), Role::Controller);
    for name in NAMES {
        let secret = secret(&api, name);
        assert_eq!(secret["type"], "kubernetes.io/tls");
        let keys: Vec<_> = secret["data"].as_object().unwrap().keys().collect();
        let with_authority = ["ca.crt", "tls.crt", "tls.key"];
        let own_only = usize::from(name == "portreeve-ca");
        assert_eq!(keys, with_authority[own_only..], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_renewed_keeps_what_others_wrote_on_it() {
    let (api, clock) = (Api::default(), Clock::new());
    let own = keep_secrets(&api.link(), &Leadership::always(), &clock).await;
    let name = NAMES[1];
    let mut labelled = secret(&api, name);
    labelled["metadata"]["labels"]["team"] = json!("edge");
    api.put(&path(name), labelled.clone());
    clock.pass(SignedDuration::from_hours(24 * 61)).await;
    let renewed = secret(&api, name);
    assert_ne!(renewed["data"], labelled["data"]);
    assert_eq!(renewed["metadata"]["labels"]["team"], "edge");
    assert!(own.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_others_have_what_the_leader_made() {
    let (api, clock) = (Api::default(), Clock::new());
    let mut one = stand(&api.link(), "one");
    one.leadership.gained().await;
    let link = api.link();
    let follower = stand(&link, "other").leadership.clone();
    let own = keep_secrets(&link, &follower, &clock).await;
    assert!(own.borrow().is_none() && api.get(&path(NAMES[0])).is_none());
    let leading = keep_secrets(&api.link(), &one.leadership, &clock).await;
    sleep(Duration::from_secs(3)).await;
    assert!(own.borrow().is_some() && leading.borrow().is_some());
}

/// The API server is away, refuses, or does not say what it did.
#[tokio::test(start_paused = true)]
async fn it_is_tried_again_until_it_is_done() {
    for mode in [Mode::Silent, Mode::Mute, Mode::Refusing(403)] {
        let (api, clock) = (Api::default(), Clock::new());
        let link = api.link();
        link.set(mode);
        let own = keep_secrets(&link, &Leadership::always(), &clock).await;
        clock.pass(SignedDuration::ZERO).await;
        assert!(own.borrow().is_none(), "{mode:?}");
        link.set(Mode::Up);
        clock.pass(SignedDuration::ZERO).await;
        assert!(own.borrow().is_some(), "{mode:?}");
        assert!(NAMES.iter().all(|name| api.get(&path(name)).is_some()));
    }
}

/// As when the rights are those of a version that knew fewer roles.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_written_for_one_role_holds_up_no_other() {
    let (api, clock) = (Api::default(), Clock::new());
    let link = api.link();
    link.set(Mode::Hiding(NAMES[3]));
    let own = keep_secrets(&link, &Leadership::always(), &clock).await;
    assert!(own.borrow().is_some());
    let before = [1, 2].map(|n| secret(&api, NAMES[n])["data"].clone());
    clock.pass(SignedDuration::from_hours(24 * 61)).await;
    let after = [1, 2].map(|n| secret(&api, NAMES[n])["data"].clone());
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before != after)
    );
    assert!(api.get(&path(NAMES[3])).is_none());
    link.set(Mode::Up);
    clock.pass(SignedDuration::ZERO).await;
    assert!(api.get(&path(NAMES[3])).is_some());
}

/// Two who both believe to lead do not overwrite each other: the later one reads again, and finds
/// that all is done.
#[tokio::test(start_paused = true)]
async fn two_writers_end_with_one_authority() {
    let (api, clock) = (Api::default(), Clock::new());
    let (one, two) = (api.link(), api.link());
    let always = Leadership::always();
    let (one, two) = tokio::join!(
        keep_secrets(&one, &always, &clock),
        keep_secrets(&two, &always, &clock),
    );
    clock.pass(SignedDuration::ZERO).await;
    let before = NAMES.map(|name| secret(&api, name));
    clock.pass(SignedDuration::ZERO).await;
    assert_eq!(
        before,
        NAMES.map(|name| secret(&api, name)),
        "it is settled"
    );
    assert!(one.borrow().is_some() && two.borrow().is_some());
}

#[tokio::test(start_paused = true)]
async fn who_loses_the_lease_does_not_write_on() {
    let (api, clock) = (Api::default(), Clock::new());
    let link = api.link();
    let mut one = stand(&link, "one");
    one.leadership.gained().await;
    let own = keep_secrets(&link, &one.leadership, &clock).await;
    assert!(own.borrow().is_some());
    link.set(Mode::Silent);
    one.leadership.lost().await;
    link.set(Mode::Refusing(500));
    api.delete(&path(NAMES[2]));
    clock.pass(SignedDuration::ZERO).await;
    assert!(api.get(&path(NAMES[2])).is_none());
    assert!(own.borrow().is_some(), "what it is known by stays");
}
