//! What a CA may say of an account.

use portreeve_acme::{Ca, FailureKind};
use portreeve_table::Secret;
use serde_json::json;

use super::support::scripted::{Answer, Scripted};
use super::{is, refused};

async fn kept(script: &Scripted) -> Secret<String> {
    let (_, new) = Ca::connect(&script.settings(), None).await.unwrap();
    new.unwrap()
}

#[tokio::test]
async fn an_account_that_is_deactivated_or_unknown_is_made_anew_once() {
    let script = Scripted::start().await;
    for gone in [
        Answer::json(&json!({"status": "deactivated"})),
        Answer::problem(400, "accountDoesNotExist", "who?"),
        Answer::problem(403, "unauthorized", "the account is deactivated"),
    ] {
        let credentials = kept(&script).await;
        let before = script.count("POST /account");
        script.say("/account/1", [gone]);
        let (_, new) = Ca::connect(&script.settings(), Some(&credentials))
            .await
            .unwrap();
        assert_ne!(new.unwrap(), credentials);
        assert_eq!(script.count("POST /account"), before + 1);
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_seen_now_is_not_made_anew() {
    let script = Scripted::start().await;
    let credentials = kept(&script).await;
    let before = script.count("POST /account");
    for (answer, kind) in [
        (
            Answer::json(&json!({"status": "revoked"})),
            FailureKind::Account,
        ),
        (
            Answer::problem(403, "userActionRequired", "new terms"),
            FailureKind::Account,
        ),
        (Answer::new(502, "<html>"), FailureKind::ServerInternal),
        (
            Answer::problem(429, "rateLimited", "later"),
            FailureKind::RateLimited,
        ),
        (Answer::new(200, "<html>"), FailureKind::Malformed),
    ] {
        script.say("/account/1", [answer]);
        let failure = Ca::connect(&script.settings(), Some(&credentials))
            .await
            .err()
            .unwrap();
        is(&failure, kind, "");
    }
    assert_eq!(script.count("POST /account"), before);
}

#[tokio::test]
async fn a_ca_that_shows_no_accounts_is_asked_by_key() {
    let script = Scripted::start().await;
    let credentials = kept(&script).await;
    script.say(
        "/account/1",
        [Answer::problem(405, "malformed", "method not allowed")],
    );
    let (_, new) = Ca::connect(&script.settings(), Some(&credentials))
        .await
        .unwrap();
    assert!(new.is_none());
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_not_shown() {
    let script = Scripted::start().await;
    for wrong in ["hunter2", r#"{"directory":"http://other.example/hunter"}"#] {
        let wrong = Secret::new(wrong.to_owned());
        let failure = Ca::connect(&script.settings(), Some(&wrong))
            .await
            .err()
            .unwrap();
        is(&failure, FailureKind::Store, "the kept account ");
        assert!(!failure.detail.contains("hunter2"), "{failure}");
    }
    assert_eq!(script.count("POST /account"), 0);
}

#[tokio::test]
async fn an_account_that_is_refused_says_why() {
    let script = Scripted::start().await;
    script.say(
        "/account",
        [Answer::problem(400, "invalidContact", "no such domain")],
    );
    let failure = refused(&script.settings()).await;
    is(&failure, FailureKind::Account, "no such domain");
    assert!(failure.advice().contains("--acme-email"));
}

#[tokio::test]
async fn a_key_that_cannot_be_changed_stays() {
    let script = Scripted::start().await;
    let directory = json!({
        "newNonce": script.url("/nonce"), "newAccount": script.url("/account"),
        "newOrder": script.url("/order"),
    });
    script.say("/directory", [Answer::json(&directory)]);
    let (mut ca, _) = Ca::connect(&script.settings(), None).await.unwrap();
    let failure = ca.roll_over().await.unwrap_err();
    is(
        &failure,
        FailureKind::Configuration,
        "--acme-key-rollover 0",
    );
    assert_eq!(
        ca.renewal_info("").await.unwrap(),
        None,
        "nor is there renewal information"
    );
}
