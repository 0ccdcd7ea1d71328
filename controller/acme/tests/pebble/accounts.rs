//! Accounts: made, bound, found again, given another key, and gone.

use portreeve_acme::{ExternalAccount, FailureKind};
use portreeve_table::Secret;

use super::support::https::Https;
use super::{Scene, connect};

/// 32 bytes in base64url.
const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG";

fn external(kid: &str, key: &str) -> Option<ExternalAccount> {
    let (kid, key) = (kid.into(), Secret::new(key.to_owned()));
    Some(ExternalAccount { kid, key })
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_account_is_bound_to_one_of_the_ca_where_it_asks_for_it() {
    let scene = Scene::new(|setup| setup.external = Some(KEY)).await;
    let mut settings = scene.pebble.settings();
    let without = connect(&settings, None).await.err().unwrap();
    assert_eq!(without.kind, FailureKind::Account);
    let problem = "urn:ietf:params:acme:error:externalAccountRequired";
    assert_eq!(without.problem.as_deref(), Some(problem));
    assert!(without.advice().contains("--acme-eab-kid"));
    settings.external = external("kid-1", "not base64!");
    let wrong = connect(&settings, None).await.err().unwrap();
    assert_eq!(wrong.kind, FailureKind::Configuration, "{wrong}");
    for (kid, key) in [("kid-2", KEY), ("kid-1", "AAAA")] {
        settings.external = external(kid, key);
        let wrong = connect(&settings, None).await.err().unwrap();
        assert_eq!(wrong.kind, FailureKind::Account, "{wrong}");
    }
    settings.external = external("kid-1", &format!("{KEY}\n"));
    let (ca, credentials) = connect(&settings, None).await.unwrap();
    assert!(credentials.is_some());
    scene.issue(&ca, &["shop.example"]).await;
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_account_is_found_again_by_what_was_kept() {
    let scene = Scene::new(|_| {}).await;
    let (_, credentials) = scene.account().await;
    let (ca, new) = connect(&scene.pebble.settings(), Some(&credentials))
        .await
        .unwrap();
    assert!(new.is_none());
    ca.update_contacts().await.unwrap();
    let mut settings = scene.pebble.settings();
    settings.emails = vec!["nobody@[".into()];
    let (ca, _) = connect(&settings, Some(&credentials)).await.unwrap();
    let refused = ca.update_contacts().await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Account, "{refused}");
    assert!(refused.advice().contains("--acme-email"), "{refused}");
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn another_key_is_used_from_then_on() {
    let scene = Scene::new(|_| {}).await;
    let (mut ca, old) = scene.account().await;
    let new = ca.roll_over().await.unwrap();
    assert_ne!(old, new);
    scene.issue(&ca, &["a.shop.example"]).await;
    let (ca, made) = connect(&scene.pebble.settings(), Some(&new)).await.unwrap();
    assert!(made.is_none(), "it is the same account");
    scene.issue(&ca, &["b.shop.example"]).await;
    // Whoever lost the new key lost the account.
    let (ca, made) = connect(&scene.pebble.settings(), Some(&old)).await.unwrap();
    assert!(made.is_some());
    scene.issue(&ca, &["c.shop.example"]).await;
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_account_that_is_gone_is_made_anew_once() {
    let scene = Scene::new(|_| {}).await;
    let (ca, credentials) = scene.account().await;
    let https = Https::new(&scene.pebble.root);
    https.deactivate(credentials.expose()).await;
    let refused = ca.order(&super::names(&["shop.example"]), None, None).await;
    assert_eq!(refused.err().unwrap().kind, FailureKind::Account);
    let (ca, new) = connect(&scene.pebble.settings(), Some(&credentials))
        .await
        .unwrap();
    let new = new.unwrap();
    scene.issue(&ca, &["shop.example"]).await;
    let (_, again) = connect(&scene.pebble.settings(), Some(&new)).await.unwrap();
    assert!(again.is_none());
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_account_of_another_ca_is_not_used() {
    let (scene, other) = (Scene::new(|_| {}).await, Scene::new(|_| {}).await);
    let (_, credentials) = other.account().await;
    let refused = connect(&scene.pebble.settings(), Some(&credentials)).await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.kind, FailureKind::Store);
    assert!(
        refused.detail.contains(&other.pebble.directory()),
        "{refused}"
    );
}
