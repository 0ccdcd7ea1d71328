//! The configuration of webhooks of a place, as `deploy` has it.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::place::Place;

const SERVICE: &str = "portreeve-admission";

/// Where the webhook of a place answers.
pub(crate) fn address(place: &Place) -> std::net::SocketAddr {
    place.address(50, 8443)
}

/// Makes the Service by which the API server finds it.
pub(crate) async fn make_service(place: &Place) {
    let ports = json!([{"name": "webhook", "port": 443, "targetPort": 8443}]);
    let service = json!({"metadata": {"name": SERVICE}, "spec": {"ports": ports}});
    place.make::<Service>(&service).await;
    let labels = json!({"kubernetes.io/service-name": SERVICE});
    let slice = json!({
        "metadata": {"name": SERVICE, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "webhook", "port": 8443}],
        "endpoints": [{"addresses": [address(place).ip()], "conditions": {"ready": true}}],
    });
    place.make::<EndpointSlice>(&slice).await;
}

/// What is deployed, for Ingresses of this place alone: that they are not looked at is an error.
pub(crate) fn deployed(place: &Place) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/webhook.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let mut found: Value = serde_saphyr::from_str(&text).unwrap();
    found["metadata"]["name"] = place.name.into();
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": place.name}});
    for webhook in found["webhooks"].as_array_mut().unwrap() {
        webhook["clientConfig"]["service"]["namespace"] = place.name.into();
        webhook["namespaceSelector"] = here.clone();
        webhook["failurePolicy"] = "Fail".into();
    }
    // Classes are nobody's namespace's.
    found["webhooks"][0]["rules"].as_array_mut().unwrap().pop();
    found
}

/// Applies it as people do.
pub(crate) fn kubectl_apply(place: &Place, configuration: &Value) {
    let file = place.folder.join("webhook.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let mut kubectl = Command::new("kubectl");
    let done = kubectl.args(["apply", "-f"]).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}

pub(crate) fn api(place: &Place) -> Api<ValidatingWebhookConfiguration> {
    Api::all(place.client.clone())
}

pub(crate) async fn read(place: &Place) -> ValidatingWebhookConfiguration {
    api(place).get(place.name).await.unwrap()
}

pub(crate) async fn delete(place: &Place) {
    let params = DeleteParams::default();
    api(place).delete(place.name, &params).await.unwrap();
}

/// How many authorities each of its webhooks believes, if all believe the same.
pub(crate) async fn believed(place: &Place) -> Option<usize> {
    let webhooks = read(place).await.webhooks.unwrap();
    let mut bundles = webhooks.into_iter().map(|it| {
        let bundle = it.client_config.ca_bundle.map(|bundle| bundle.0);
        String::from_utf8(bundle.unwrap_or_default()).unwrap()
    });
    let first = bundles.next().unwrap();
    let are_same = bundles.all(|other| other == first);
    are_same.then(|| first.matches("BEGIN CERTIFICATE").count())
}
