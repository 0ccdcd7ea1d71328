//! A cluster in which the policies are in force, as their files have them.

use std::path::Path;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::PostParams;
use kube::{Api, Client};
use portreeve_translate::annotations::{POLICIES, Policy};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::corner::Corner;
use crate::updates;

/// A client of the cluster, in which the policies are in force, and were not when [`updates::before`]
/// made what it made.
pub(crate) async fn with_policies() -> Client {
    static IN_FORCE: OnceCell<()> = OnceCell::const_new();
    let client = Client::try_default().await.unwrap();
    IN_FORCE
        .get_or_init(async || {
            updates::before(&client).await;
            for policy in POLICIES {
                put(&client, manifest(&policy)).await;
            }
            are_in_force(&client).await;
        })
        .await;
    client
}

/// A policy and its binding, as they are written.
pub(crate) fn manifest(policy: &Policy) -> [Value; 2] {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(policy.path)).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    documents.try_into().unwrap()
}

/// Makes a policy and its binding.
pub(crate) async fn put(client: &Client, [policy, binding]: [Value; 2]) {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let (policy, binding) = (
        serde_json::from_value(policy).unwrap(),
        serde_json::from_value(binding).unwrap(),
    );
    let params = PostParams::default();
    policies.create(&params, &policy).await.unwrap();
    bindings.create(&params, &binding).await.unwrap();
}

/// A policy holds some time after it was made.
async fn are_in_force(client: &Client) {
    let corner = Corner::make(client.clone(), "probe", Some("*")).await;
    let guarded = [
        ("portreeve-snippets", "portreeve.dev/server-snippet", "x"),
        ("portreeve-references", "portreeve.dev/auth-secret", "y/z"),
    ];
    for (policy, key, value) in guarded {
        let ingress = corner.ingress(&[(key, value)]);
        corner.until_refused(policy, &ingress).await;
    }
    let corner = Corner::make(client.clone(), "probe-hosts", None).await;
    let ingress = corner.ingress(&[]);
    corner.until_refused("portreeve-hosts", &ingress).await;
}
