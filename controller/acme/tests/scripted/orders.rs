//! Orders that come to no good end.

use std::time::Duration;

use portreeve_acme::{ChallengeChoice, FailureKind, KeyType, csr, generate};
use serde_json::{Value, json};

use super::support::scripted::Answer;
use super::{connected, is, name, order};

fn error(problem: &str, detail: &str) -> Value {
    json!({"type": format!("urn:ietf:params:acme:error:{problem}"), "detail": detail})
}

#[tokio::test]
async fn an_invalid_order_says_what_was_seen_at_each_name() {
    let (script, ca) = connected().await;
    let mut order = order(&ca).await.unwrap();
    order.stage(ChallengeChoice::Any).await.unwrap();
    let mut dead = script.authorization("invalid");
    dead["challenges"][0]["status"] = json!("invalid");
    dead["challenges"][0]["error"] = error("unauthorized", "got 404 from 127.0.0.1");
    script.say("/authorization/1", [Answer::json(&dead)]);
    script.say("/order/1", [Answer::json(&script.order("invalid"))]);
    let failure = order.ready().await.unwrap_err();
    is(
        &failure,
        FailureKind::Challenge,
        "shop.example: urn:ietf:params:acme:error:unauthorized: got 404",
    );
    assert_eq!(
        failure.problem.as_deref(),
        Some("urn:ietf:params:acme:error:unauthorized")
    );
    assert_eq!(failure.subproblems.len(), 1);
    assert_eq!(failure.subproblems[0].name, name());
    let mut order = ca.resume(order.url()).await.unwrap();
    is(
        &order.certificate().await.unwrap_err(),
        FailureKind::Challenge,
        "got 404",
    );
}

#[tokio::test]
async fn an_invalid_order_says_at_least_its_own_words() {
    let (script, ca) = connected().await;
    let mut invalid = script.order("invalid");
    invalid["error"] = error("caa", "example forbids it");
    script.say("/order/1", [Answer::json(&invalid)]);
    script.say("/authorization/1", [Answer::new(500, "")]);
    let mut order = order(&ca).await.unwrap();
    is(
        &order.ready().await.unwrap_err(),
        FailureKind::Caa,
        "example forbids it",
    );
    script.say("/order/1", [Answer::json(&script.order("invalid"))]);
    is(
        &order.ready().await.unwrap_err(),
        FailureKind::OrderInvalid,
        "does not say why",
    );
}

#[tokio::test]
async fn a_name_whose_authorization_expired_is_named() {
    let (script, ca) = connected().await;
    script.say(
        "/authorization/1",
        [Answer::json(&script.authorization("expired"))],
    );
    let mut order = order(&ca).await.unwrap();
    let failure = order.stage(ChallengeChoice::Any).await.unwrap_err();
    is(
        &failure,
        FailureKind::OrderInvalid,
        "the authorization for shop.example is expired",
    );
}

#[tokio::test]
async fn a_token_that_is_none_gets_near_no_path() {
    let (script, ca) = connected().await;
    for token in ["../../etc/passwd", "a/b", "", "a b", "a\u{e9}"] {
        let mut wrong = script.authorization("pending");
        wrong["challenges"][0]["token"] = json!(token);
        script.say("/authorization/1", [Answer::json(&wrong)]);
        let mut order = order(&ca).await.unwrap();
        let failure = order.stage(ChallengeChoice::Any).await.unwrap_err();
        is(&failure, FailureKind::Malformed, "the CA's token");
    }
}

#[tokio::test]
async fn a_challenge_that_is_not_offered_is_named() {
    let (script, ca) = connected().await;
    let mut order = order(&ca).await.unwrap();
    let failure = order.stage(ChallengeChoice::TlsAlpn01).await.unwrap_err();
    let said = "the CA lets shop.example be proven by http-01, and not by tls-alpn-01";
    is(&failure, FailureKind::Configuration, said);
    let mut elsewhere = script.authorization("pending");
    elsewhere["identifier"]["value"] = json!("*.other");
    script.say("/authorization/1", [Answer::json(&elsewhere)]);
    let mut order = super::order(&ca).await.unwrap();
    let failure = order.stage(ChallengeChoice::Any).await.unwrap_err();
    is(&failure, FailureKind::Malformed, "which was not ordered");
}

#[tokio::test]
async fn a_challenge_is_told_of_once() {
    let (script, ca) = connected().await;
    let mut order = order(&ca).await.unwrap();
    script.say("/order/1", [Answer::json(&script.order("pending"))]);
    order.tell().await.unwrap();
    assert_eq!(script.count("POST /challenge/1"), 1);
    let mut begun = script.authorization("pending");
    begun["challenges"][0]["status"] = json!("processing");
    script.say("/authorization/1", [Answer::json(&begun)]);
    let staged = order.stage(ChallengeChoice::Any).await.unwrap();
    assert_eq!(staged.len(), 1, "it must be answered still");
    order.tell().await.unwrap();
    assert_eq!(script.count("POST /challenge/1"), 1);
}

#[tokio::test]
async fn an_order_that_takes_too_long_can_be_gone_on_with() {
    let (script, ca) = connected().await;
    let pending = Answer::json(&script.order("pending")).with("retry-after", "400");
    script.say("/order/1", [pending]);
    let mut order = order(&ca).await.unwrap();
    let failure = order.ready().await.unwrap_err();
    is(&failure, FailureKind::Timeout, "in 5 minutes");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(400)));
    assert_eq!(order.url(), script.url("/order/1"));
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let (script, ca) = connected().await;
    let trouble = [
        Answer::new(503, ""),
        Answer::problem(429, "rateLimited", "later").with("retry-after", "0"),
        Answer::new(500, "<html>"),
        Answer::json(&script.order("ready")),
    ];
    script.say("/order/1", trouble);
    order(&ca).await.unwrap().ready().await.unwrap();
    assert_eq!(script.count("POST /order/1"), 4);
}

#[tokio::test]
async fn no_second_order_is_made_for_an_answer_that_cannot_be_taken() {
    let (script, ca) = connected().await;
    let leaf = super::certificates::issue("shop.example");
    // The CA makes the order, but does not repeat what it replaces, as RFC 9773 demands.
    let order = ca.order(&[name()], None, Some(&leaf.chain)).await.unwrap();
    assert_eq!(order.url(), script.url("/order/1"));
    assert_eq!(script.count("POST /order"), 1);
}

#[tokio::test]
async fn an_order_replaces_nothing_where_that_was_replaced_already() {
    let (script, ca) = connected().await;
    let leaf = super::certificates::issue("shop.example");
    let made = Answer::new(201, script.order("pending").to_string());
    let made = made.with("location", script.url("/order/1"));
    script.say(
        "/order",
        [Answer::problem(409, "alreadyReplaced", "by another"), made],
    );
    ca.order(&[name()], None, Some(&leaf.chain)).await.unwrap();
    assert_eq!(script.count("POST /order"), 2);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_failure() {
    let (script, ca) = connected().await;
    let key = generate(KeyType::EcdsaP256).unwrap();
    let request = csr(&[name()], &key).unwrap();
    let mut order = order(&ca).await.unwrap();
    order.ready().await.unwrap();
    script.say(
        "/finalize/1",
        [Answer::problem(403, "orderNotReady", "it is processing")],
    );
    script.say("/order/1", [Answer::json(&script.order("processing"))]);
    order.finalize(&request).await.unwrap();
    script.say("/order/1", [Answer::json(&script.order("pending"))]);
    let mut order = ca.resume(order.url()).await.unwrap();
    is(
        &order.finalize(&request).await.unwrap_err(),
        FailureKind::OrderInvalid,
        "orderNotReady",
    );
}
