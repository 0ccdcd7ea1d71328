//! What people see: the same words from kubectl and in Events, and nothing in their way while the
//! webhook is down.

use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

use crate::controller::Controller;
use crate::kubectl::kubectl;
use crate::place::Place;
use crate::reviewer::Reviewer;
use crate::support::wait::until;

fn bad(place: &Place, name: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "annotations": {"nginx.ingress.kubernetes.io/whitelist-source-range": "everybody"},
        },
        "spec": {
            "ingressClassName": place.name,
            "rules": [place.rule(name, "web", &json!({"number": 80}))],
        },
    })
}

const SAID: &str = "metadata.annotations[nginx.ingress.kubernetes.io/whitelist-source-range]";

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn kubectl_says_what_an_event_says_of_one_that_came_in_before() {
    let place = Place::new("admission-words", 61).await;
    let controller = Controller::start(&place, 1);
    controller.ready().await;
    let (nothing, before) = (Value::Null, bad(&place, "before"));
    let done = kubectl(&place, &["apply", "-f", "-"], &before).await;
    assert!(done.is_ok, "{done:?}");

    let reviewer = Reviewer::start(&place).await;
    reviewer.register().await;
    let refused = kubectl(&place, &["apply", "-f", "-"], &bad(&place, "after")).await;
    assert!(!refused.is_ok, "{refused:?}");
    println!("{}", refused.err);
    let said = refused.err.replace("\\\"", "\"");
    assert!(said.contains(SAID), "where: {said}");
    assert!(said.contains("\"everybody\" "), "what: {said}");
    let line = said
        .lines()
        .find(|line| line.contains("\"everybody\""))
        .unwrap();
    let (_, words) = line.split_once("\"everybody\"").unwrap();
    assert!(words.contains("Write: "), "what to write instead: {said}");
    // kubectl may put its own words around the line, and none into it.
    let words = words.trim_end();

    let mut described = String::new();
    until("an Event has the same words", async || {
        described = kubectl(&place, &["describe", "ingress", "before"], &nothing)
            .await
            .out;
        described.contains(words)
    })
    .await;
    assert!(described.contains(SAID), "{described}");

    // The one that came in before can still be annotated, with a warning.
    let annotate = ["annotate", "ingress", "before", "example.com/owner=me"];
    let done = kubectl(&place, &annotate, &nothing).await;
    assert!(
        done.is_ok && done.err.contains("Warning: AnnotationInvalid"),
        "{done:?}"
    );
    reviewer.unregister().await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn while_the_webhook_is_down_applies_still_work() {
    let place = Place::new("admission-down", 62).await;
    let reviewer = Reviewer::start(&place).await;
    reviewer.register().await;
    let refused = kubectl(&place, &["apply", "-f", "-"], &bad(&place, "web")).await;
    assert!(!refused.is_ok, "{refused:?}");
    let Reviewer { process, .. } = reviewer;
    process.kill().await;
    let done = kubectl(&place, &["apply", "-f", "-"], &bad(&place, "web")).await;
    assert!(done.is_ok, "{done:?}");

    let reviewer = Reviewer::start(&place).await;
    reviewer.register().await;
    let refused = kubectl(&place, &["apply", "-f", "-"], &bad(&place, "again")).await;
    assert!(!refused.is_ok, "{refused:?}");
    assert!(place.api::<Ingress>().get("again").await.is_err());
    reviewer.unregister().await;
}
