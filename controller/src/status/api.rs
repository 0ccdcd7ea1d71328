//! One write to the API server.

use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::answer::{Answer, WriteError, owner};
use super::ledger::Job;
use crate::guard::Guard;

/// Who we are among those who write fields.
const MANAGER: &str = "portreeve";

/// How long the API server has for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes the status of one Ingress, or takes back what we wrote there.
///
/// It is not forced at first, so that the API server says whose it was.
pub(super) async fn write(client: Client, guard: Guard, job: Job) -> Result<Answer, WriteError> {
    let api: Api<Ingress> = Api::namespaced(client, &job.key.namespace);
    let (body, params) = (body(&job), PatchParams::apply(MANAGER));
    match ask(&api, &guard, &job, &params, &body).await {
        Ok(ingress) => Ok(Answer::of(ingress, None)),
        Err(error) => {
            let Some(other) = owner(&error) else {
                return Err(error);
            };
            let ingress = ask(&api, &guard, &job, &params.force(), &body).await?;
            Ok(Answer::of(ingress, Some(other)))
        }
    }
}

async fn ask(
    api: &Api<Ingress>,
    guard: &Guard,
    job: &Job,
    params: &PatchParams,
    body: &Value,
) -> Result<Ingress, WriteError> {
    if !guard.may_write() {
        return Err(WriteError::NotLeading);
    }
    let patch = Patch::Apply(body);
    let call = api.patch_status(&job.key.name, params, &patch);
    match timeout(PATIENCE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(WriteError::Timeout(PATIENCE)),
    }
}

/// What is applied. Without a status we say nothing about it any more, and the API server removes
/// what nobody but us has said.
fn body(job: &Job) -> Value {
    let mut body = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": job.key.name, "uid": job.uid},
    });
    if let (false, Some(body)) = (job.want.is_empty(), body.as_object_mut()) {
        let status = json!({"loadBalancer": {"ingress": *job.want}});
        body.insert("status".into(), status);
    }
    body
}
