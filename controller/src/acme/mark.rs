//! What our Secrets are called, and how an issued one is known to be ours.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use portreeve_acme::{CaId, ISSUER, MANAGED_BY, Mark, NAMES, WantId};

/// The type of Secrets that hold what is kept of one certificate.
pub(super) const ORDER_TYPE: &str = "portreeve.dev/acme-order";
/// The type of Secrets that hold an account.
pub(super) const ACCOUNT_TYPE: &str = "portreeve.dev/acme-account";
/// The type of Secrets that hold a certificate.
pub(super) const TLS_TYPE: &str = "kubernetes.io/tls";

const ORDER: &str = "portreeve-acme-order-";

/// The Secret of an account.
pub(super) fn account(ca: &CaId) -> String {
    format!("portreeve-acme-account-{}", ca.short())
}

/// The Secret of what is kept of one certificate.
pub(super) fn order(id: &WantId) -> String {
    format!("{ORDER}{id}")
}

/// Whose Secret this is, by its name.
pub(super) fn of_order(name: &str) -> Option<WantId> {
    name.strip_prefix(ORDER)?.parse().ok()
}

/// The Secret of the challenges of one order.
pub(super) fn challenge(id: &WantId) -> String {
    format!("portreeve-acme-challenge-{id}")
}

/// What a Secret of ours has that is not there yet.
pub(super) fn metadata(name: &str) -> ObjectMeta {
    let mut metadata = ObjectMeta {
        name: Some(name.into()),
        ..ObjectMeta::default()
    };
    label(&mut metadata);
    metadata
}

/// Marks an issued Secret. What others wrote on it stays.
pub(super) fn mark(metadata: &mut ObjectMeta, mark: &Mark) {
    label(metadata);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(ISSUER.into(), mark.issuer.url().into());
    annotations.insert(NAMES.into(), mark.names());
}

/// Whether a Secret bears our mark and is of the type that we write, which cannot be changed.
pub(super) fn is_marked(secret: &Secret) -> bool {
    let annotations = secret.metadata.annotations.as_ref();
    let is_tls = secret.type_.as_deref() == Some(TLS_TYPE);
    is_tls && annotations.is_some_and(|all| all.contains_key(ISSUER))
}

fn label(metadata: &mut ObjectMeta) {
    let labels: &mut BTreeMap<_, _> = metadata.labels.get_or_insert_default();
    labels.insert(MANAGED_BY.0.into(), MANAGED_BY.1.into());
}
