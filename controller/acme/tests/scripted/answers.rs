//! Answers that come late, too often, or in another form, and none at all.

use std::time::Duration;

use portreeve_acme::{CaSettings, FailureKind};

use super::support::process::free;
use super::support::scripted::{Answer, Scripted};
use super::{connected, is, order, refused};

#[tokio::test]
async fn a_ca_that_is_down_cannot_be_reached() {
    let script = Scripted::start().await;
    let mut settings = CaSettings::new(&format!("http://{}/directory", free()));
    settings.roots = script.settings().roots;
    let failure = refused(&settings).await;
    is(
        &failure,
        FailureKind::Connection,
        &format!("GET {}", settings.id),
    );
    is(&failure, FailureKind::Connection, "refused");
}

#[tokio::test]
async fn nothing_is_said_in_clear_to_other_machines() {
    let script = Scripted::start().await;
    let mut settings = CaSettings::new("http://ca.example/directory");
    settings.roots = script.settings().roots;
    is(
        &refused(&settings).await,
        FailureKind::Connection,
        "only https",
    );
}

// No time passes while anybody has something to do; then it goes to the next timer at once.
#[tokio::test(start_paused = true)]
async fn a_ca_that_does_not_answer_is_waited_for_half_a_minute() {
    let script = Scripted::start().await;
    script.say("/directory", [Answer::never()]);
    let begun = tokio::time::Instant::now();
    let failure = refused(&script.settings()).await;
    is(
        &failure,
        FailureKind::Timeout,
        "/directory: no answer within 30 seconds",
    );
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn how_long_a_ca_wants_to_be_left_alone_is_told() {
    let (script, ca) = connected().await;
    let limited = Answer::problem(429, "rateLimited", "too many certificates");
    script.say("/order", [limited.clone().with("retry-after", "3600")]);
    let failure = order(&ca).await.err().unwrap();
    is(
        &failure,
        FailureKind::RateLimited,
        "error:rateLimited: too many certificates",
    );
    assert_eq!(
        failure.problem.as_deref(),
        Some("urn:ietf:params:acme:error:rateLimited")
    );
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3600)));
    let dated = limited.with("date", "Fri, 31 Dec 1999 23:59:00 GMT");
    script.say(
        "/order",
        [dated.with("retry-after", "Sat, 01 Jan 2000 00:00:00 GMT")],
    );
    let failure = order(&ca).await.err().unwrap();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(60)));
    let busy = Answer::new(503, "<html>").with("retry-after", "5");
    script.say("/order", [busy]);
    let failure = order(&ca).await.err().unwrap();
    is(&failure, FailureKind::ServerInternal, "/order: 503");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn a_fault_of_the_ca_is_told_as_its_own() {
    let (script, ca) = connected().await;
    script.say(
        "/order",
        [Answer::problem(
            500,
            "serverInternal",
            "the database is away",
        )],
    );
    let failure = order(&ca).await.err().unwrap();
    is(
        &failure,
        FailureKind::ServerInternal,
        "the database is away",
    );
    assert_eq!(
        script.count("POST /order"),
        1,
        "who calls decides when it is tried again"
    );
    script.say("/directory", [Answer::new(500, "<html>")]);
    is(
        &refused(&script.settings()).await,
        FailureKind::ServerInternal,
        "500",
    );
}

#[tokio::test]
async fn what_is_no_json_is_told_with_its_url() {
    let (script, ca) = connected().await;
    for body in ["<html>", "", "{", "[]", r#"{"status":"sleeping"}"#] {
        script.say("/order", [Answer::new(201, body)]);
        let failure = order(&ca).await.err().unwrap();
        is(
            &failure,
            FailureKind::Malformed,
            &format!("POST {}", script.url("/order")),
        );
    }
    script.say("/order", [Answer::new(400, "<html>")]);
    is(
        &order(&ca).await.err().unwrap(),
        FailureKind::Malformed,
        "no problem document",
    );
    script.say("/directory", [Answer::new(200, "<html>welcome</html>")]);
    let failure = refused(&script.settings()).await;
    is(
        &failure,
        FailureKind::Malformed,
        "is not the URL of an ACME directory",
    );
    script.say(
        "/directory",
        [Answer::new(301, "").with("location", "https://ca.example/v2")],
    );
    is(
        &refused(&script.settings()).await,
        FailureKind::Malformed,
        "\"https://ca.example/v2\"",
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let script = Scripted::start().await;
    script.say("/directory", [Answer::new(200, " ".repeat((1 << 20) + 1))]);
    is(
        &refused(&script.settings()).await,
        FailureKind::Malformed,
        "longer than 1048576 bytes",
    );
}

#[tokio::test(start_paused = true)]
async fn a_ca_that_takes_no_nonce_is_given_up() {
    let (script, ca) = connected().await;
    let bad = || Answer::problem(400, "badNonce", "not this one");
    script.say("/order", [bad()]);
    let failure = order(&ca).await.err().unwrap();
    is(&failure, FailureKind::BadNonce, "not this one");
    assert_eq!(
        script.count("POST /order"),
        18,
        "three attempts in each of six rounds"
    );
    let good = Answer::new(201, script.order("pending").to_string());
    let good = good.with("location", script.url("/order/1"));
    script.say("/order", std::iter::repeat_with(bad).take(17).chain([good]));
    assert!(order(&ca).await.is_ok());
}

#[tokio::test]
async fn a_nonce_that_never_comes_is_told() {
    let script = Scripted::start().await;
    script.say("/nonce", [Answer::new(500, "")]);
    is(
        &refused(&script.settings()).await,
        FailureKind::ServerInternal,
        "HEAD",
    );
}

#[tokio::test]
async fn a_ca_is_told_who_asks() {
    let (script, ca) = connected().await;
    order(&ca).await.unwrap();
    let expected = concat!("portreeve/", env!("CARGO_PKG_VERSION"));
    assert!(script.agents().iter().all(|agent| agent == expected));
}

#[tokio::test]
async fn what_a_terminal_obeys_is_shown_instead() {
    let (script, ca) = connected().await;
    script.say(
        "/order",
        [Answer::problem(403, "caa", "\u{1b}[2J\nallowed")],
    );
    is(
        &order(&ca).await.err().unwrap(),
        FailureKind::Caa,
        r"\u{1b}[2J\nallowed",
    );
}
