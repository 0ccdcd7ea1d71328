//! What is written of a configuration, and what is not.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Patch, PatchParams};
use portreeve_controller::Count;
use portreeve_controller::pki::Told;
use serde_json::{Value, json};

use crate::configuration::{api, believed, delete, deployed, kubectl_apply, read};
use crate::keeping::Keeping;
use crate::place::Place;
use crate::wait::{until, within};

/// How often it is looked, and what a busy machine may add.
const LOOKED: Duration = Duration::from_secs(30);

/// All that people have written of it.
fn rest(configuration: ValidatingWebhookConfiguration) -> Value {
    let mut rest = serde_json::to_value(configuration).unwrap();
    for webhook in rest["webhooks"].as_array_mut().unwrap() {
        let client_config = webhook["clientConfig"].as_object_mut().unwrap();
        client_config.remove("caBundle");
    }
    let metadata = rest["metadata"].as_object_mut().unwrap();
    for field in ["managedFields", "resourceVersion", "generation"] {
        metadata.remove(field);
    }
    rest
}

async fn is_told(place: &Place) {
    within(LOOKED, "its webhooks are believed", async || {
        believed(place).await == Some(1)
    })
    .await;
}

/// It has been written so often, and not once more.
async fn was_written(keeping: &Keeping, times: u64) {
    until("it is written", async || {
        keeping.counts.get(Count::WebhookWrites) >= times
    })
    .await;
    assert_eq!(keeping.counts.get(Count::WebhookWrites), times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn only_the_authorities_are_written_and_what_is_applied_again_leaves_them() {
    let place = Place::new("webhook-writes", 61).await;
    let mut configuration = deployed(&place);
    kubectl_apply(&place, &configuration);
    let before = rest(read(&place).await);
    let keeping = Keeping::start(&place, Timestamp::now());
    is_told(&place).await;
    assert_eq!(rest(read(&place).await), before);
    let managed = read(&place).await.metadata.managed_fields.unwrap();
    let ours = managed
        .iter()
        .find(|it| it.manager.as_deref() == Some("portreeve"));
    let fields = serde_json::to_value(&ours.unwrap().fields_v1).unwrap();
    for fields in fields["f:webhooks"].as_object().unwrap().values() {
        let only = json!({"f:caBundle": {}});
        assert_eq!(fields["f:clientConfig"], only, "{fields}");
        assert_eq!(fields.as_object().unwrap().len(), 3, "{fields}");
    }

    configuration["webhooks"][0]["timeoutSeconds"] = 4.into();
    kubectl_apply(&place, &configuration);
    assert_eq!(believed(&place).await, Some(1));
    let webhooks = read(&place).await.webhooks.unwrap();
    assert_eq!(webhooks[0].timeout_seconds, Some(4));
    was_written(&keeping, 1).await;
    delete(&place).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn what_somebody_else_writes_is_taken_over_unless_it_is_cert_managers() {
    let place = Place::new("webhook-others", 62).await;
    let keeping = Keeping::start(&place, Timestamp::now());
    until("it is looked for", async || keeping.told() == Told::NotByUs).await;
    kubectl_apply(&place, &deployed(&place));
    is_told(&place).await;

    let path = "/webhooks/0/clientConfig/caBundle";
    let theirs = json!([{"op": "replace", "path": path, "value": "Cg=="}]);
    write(&place, theirs.clone()).await;
    is_told(&place).await;
    was_written(&keeping, 2).await;

    let annotated = |name: &str| json!({"metadata": {"annotations": {name: "x/y"}}});
    let annotation = "cert-manager.io/inject-ca-from";
    merge(&place, annotated(annotation)).await;
    write(&place, theirs).await;
    within(LOOKED, "it is left alone", async || {
        keeping.told() == Told::NotByUs
    })
    .await;
    assert_eq!(believed(&place).await, None);
    merge(
        &place,
        json!({"metadata": {"annotations": {annotation: null}}}),
    )
    .await;
    is_told(&place).await;
    assert_eq!(keeping.counts.get(Count::WebhookErrors), 0);
    assert_eq!(keeping.counts.get(Count::WebhookFights), 0);
    delete(&place).await;
}

/// Somebody else writes.
async fn write(place: &Place, patch: Value) {
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
    let params = PatchParams {
        field_manager: Some("somebody".into()),
        ..PatchParams::default()
    };
    api(place).patch(place.name, &params, &patch).await.unwrap();
}

async fn merge(place: &Place, patch: Value) {
    let params = PatchParams::default();
    let patch = Patch::Merge(patch);
    api(place).patch(place.name, &params, &patch).await.unwrap();
}
