//! The configuration at the API server.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use tokio::time::timeout;

use crate::guard::Guard;
use crate::refusal::{is_conflict, other_manager, refusal};

/// Who we are among those who write fields.
const MANAGER: &str = "portreeve";

/// How long the API server has for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why it was not read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebhookError {
    /// The API server said no, or could not be asked.
    #[error("{}; {}", refusal(.0), hint(.0))]
    Api(#[from] kube::Error),
    /// The API server said nothing.
    #[error("no answer in {} s; it is tried again", .0.as_secs())]
    Timeout(Duration),
    /// Another controller writes now.
    #[error("this controller does not lead any more")]
    NotLeading,
}

impl WebhookError {
    /// Whether it only is to be looked at again, by whoever leads.
    pub(super) fn is_usual(&self) -> bool {
        match self {
            Self::Api(error) => is_conflict(error),
            Self::Timeout(_) => false,
            Self::NotLeading => true,
        }
    }
}

/// A configuration by its name.
pub(super) struct Configuration {
    api: Api<ValidatingWebhookConfiguration>,
    guard: Guard,
    name: String,
}

impl Configuration {
    pub(super) fn new(client: Client, guard: Guard, name: &str) -> Self {
        Self {
            api: Api::all(client),
            guard,
            name: name.into(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is now; `None` if there is none.
    pub(super) async fn read(
        &self,
    ) -> Result<Option<ValidatingWebhookConfiguration>, WebhookError> {
        self.ask(self.api.get_opt(&self.name)).await
    }

    /// Applies what is `wanted`, and says whose it was if it was another's.
    ///
    /// It is not forced at first, so that the API server says so.
    pub(super) async fn apply(&self, wanted: &Value) -> Result<Option<Box<str>>, WebhookError> {
        let params = PatchParams::apply(MANAGER);
        match self.patch(&params, wanted).await {
            Err(WebhookError::Api(error)) => {
                let Some(other) = other_manager(&error) else {
                    return Err(error.into());
                };
                self.patch(&params.force(), wanted).await?;
                Ok(Some(other))
            }
            done => done.map(|()| None),
        }
    }

    async fn patch(&self, params: &PatchParams, wanted: &Value) -> Result<(), WebhookError> {
        let patch = Patch::Apply(wanted);
        self.ask(self.api.patch(&self.name, params, &patch))
            .await
            .map(drop)
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, WebhookError> {
        if !self.guard.may_write() {
            return Err(WebhookError::NotLeading);
        }
        match timeout(PATIENCE, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(WebhookError::Timeout(PATIENCE)),
        }
    }
}

/// What to do about it.
fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to get and patch this one of validatingwebhookconfigurations.admissionregistration.k8s.io, \
             or say that there is none (--admission-webhook-configuration=)"
        }
        error if is_conflict(error) => "somebody else wrote it; it is read again",
        kube::Error::Api(_) => "it is tried again",
        _ => "see that the API server can be reached; it is tried again",
    }
}
