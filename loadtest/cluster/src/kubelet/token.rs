//! Tokens of service accounts, bound to the Pod they are for.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;

/// A token, and when to ask for the next one.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) renew: Instant,
}

impl Token {
    /// Asks for a token for `pod`.
    pub(crate) async fn request(
        client: &Client,
        pod: &Pod,
        audience: Option<String>,
        seconds: i64,
    ) -> Result<Self, kube::Error> {
        let meta = &pod.metadata;
        let account = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.as_deref());
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(audience.into_iter().collect()),
                expiration_seconds: Some(seconds),
                bound_object_ref: Some(BoundObjectReference {
                    api_version: Some("v1".into()),
                    kind: Some("Pod".into()),
                    name: meta.name.clone(),
                    uid: meta.uid.clone(),
                }),
            }),
            ..TokenRequest::default()
        };
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
        let account = account.unwrap_or("default");
        let given = accounts
            .create_token_request(account, &PostParams::default(), &request)
            .await?;
        // The kubelet renews at four fifths of a token's life.
        let life = u64::try_from(seconds).unwrap_or_default();
        Ok(Self {
            text: given
                .status
                .and_then(|status| status.token)
                .unwrap_or_default(),
            renew: Instant::now() + Duration::from_secs(life) * 4 / 5,
        })
    }
}
