//! What a configuration of webhooks says of ours, and what it should say.

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingWebhook, ValidatingWebhookConfiguration,
};
use serde_json::{Value, json};

use crate::pki::{ADMISSION_SERVICE, Bundle};

/// Annotations by which cert-manager keeps the authorities of a configuration.
const CERT_MANAGER: [&str; 3] = [
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
];

/// What is found in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// By this annotation, cert-manager says whom to believe.
    CertManagers(&'static str),
    /// No webhook in it leads to ours.
    NotOurs,
    /// Ours are believed by what they should be.
    Right,
    /// They are not.
    Wrong,
}

/// Looks at a configuration; our own objects are in the `namespace`.
pub(super) fn look(
    found: &ValidatingWebhookConfiguration,
    namespace: &str,
    bundle: &Bundle,
) -> Finding {
    let annotations = found.metadata.annotations.iter().flatten();
    let keys: Vec<_> = annotations.map(|(key, _)| key.as_str()).collect();
    if let Some(key) = CERT_MANAGER.iter().find(|key| keys.contains(*key)) {
        return Finding::CertManagers(key);
    }
    let mut ours = ours(found, namespace).peekable();
    if ours.peek().is_none() {
        return Finding::NotOurs;
    }
    match ours.all(|webhook| is_told(webhook, bundle)) {
        true => Finding::Right,
        false => Finding::Wrong,
    }
}

/// What to apply so that all of our webhooks there are believed by these authorities. One that was
/// left out would be taken for one that we have no more to say of.
pub(super) fn wanted(
    found: &ValidatingWebhookConfiguration,
    namespace: &str,
    bundle: &Bundle,
) -> Value {
    let authorities = k8s_openapi::ByteString(bundle.pem().into());
    let webhook = |webhook: &ValidatingWebhook| json!({"name": webhook.name, "clientConfig": {"caBundle": authorities}});
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        // Nothing but what was looked at: another may be of the same name by now.
        "metadata": {
            "name": found.metadata.name,
            "uid": found.metadata.uid,
            "resourceVersion": found.metadata.resource_version,
        },
        "webhooks": ours(found, namespace).map(webhook).collect::<Value>(),
    })
}

/// Those that lead to our Service: others have certificates that are not by us.
fn ours<'a>(
    found: &'a ValidatingWebhookConfiguration,
    namespace: &'a str,
) -> impl Iterator<Item = &'a ValidatingWebhook> {
    let webhooks = found.webhooks.iter().flatten();
    webhooks.filter(move |webhook| {
        let service = webhook.client_config.service.as_ref();
        service.is_some_and(|it| it.name == ADMISSION_SERVICE && it.namespace == namespace)
    })
}

fn is_told(webhook: &ValidatingWebhook, bundle: &Bundle) -> bool {
    let told = webhook.client_config.ca_bundle.as_ref();
    told.is_some_and(|told| told.0 == bundle.pem().as_bytes())
}
