//! cert-manager's controller, for one namespace, and what is asked of it.

use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use k8s_openapi::ByteString;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::authority::{Authority, built};
use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

/// How long anything may take: cert-manager pauses for seconds after whatever goes wrong.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Manager {
    place: Place,
    _process: Process,
}

impl Manager {
    /// Starts it, with an Issuer that is called `pebble` and has its solvers in the place's class.
    pub(crate) async fn start(place: &Place, authority: &Authority) -> Self {
        define();
        let arguments = [
            format!("--kubeconfig={}", std::env::var("KUBECONFIG").unwrap()),
            format!("--namespace={}", place.name),
            "--leader-elect=false".into(),
            format!("--metrics-listen-address={}", place.address(15, 9402)),
            format!("--acme-http01-solver-nameservers={}", authority.dns),
            format!("--dns01-recursive-nameservers={}", authority.dns),
        ];
        let program = built("PORTREEVE_PEERS", "cert-manager-controller");
        let log = place.folder.join("cert-manager.log");
        let manager = Self {
            place: place.clone(),
            _process: Process::run(&program, &arguments, &log),
        };
        manager.issue_by(authority).await;
        manager
    }

    async fn issue_by(&self, authority: &Authority) {
        let solver = json!({"http01": {"ingress": {"class": self.place.name}}});
        let acme = json!({
            "server": authority.url,
            "caBundle": ByteString(authority.pem.clone().into_bytes()),
            "privateKeySecretRef": {"name": "pebble-account"},
            "solvers": [solver],
        });
        let issuer = json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": "pebble"},
            "spec": {"acme": acme},
        });
        let (api, params) = (self.api("Issuer"), PatchParams::apply("tests").force());
        api.patch("pebble", &params, &Patch::Apply(issuer))
            .await
            .unwrap();
        becomes(api, "pebble", |issuer| is(issuer, "Ready", "True")).await;
    }

    /// Waits until a Certificate is ready that has been so often before.
    pub(crate) async fn issues(&self, certificate: &str, revision: i64) {
        let done = |it: &DynamicObject| {
            let is_new = it.data["status"]["revision"].as_i64() >= Some(revision);
            is_new && is(it, "Ready", "True") && !is(it, "Issuing", "True")
        };
        becomes(self.api("Certificate"), certificate, done).await;
    }

    /// Has a Certificate renewed before its time, as `cmctl renew` does.
    pub(crate) async fn renew(&self, certificate: &str) {
        let api = self.api("Certificate");
        let issuing = json!({
            "type": "Issuing",
            "status": "True",
            "reason": "ManuallyTriggered",
            "lastTransitionTime": jiff::Timestamp::now().to_string(),
        });
        until("a Certificate is to be renewed", async || {
            let mut it = api.get(certificate).await.unwrap();
            let conditions = &mut it.data["status"]["conditions"];
            conditions.as_array_mut().unwrap().push(issuing.clone());
            let params = PostParams::default();
            // Whoever else writes it in the meantime goes before.
            api.replace_status(certificate, &params, &it).await.is_ok()
        })
        .await;
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("cert-manager.io", "v1", kind);
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.place.client.clone(), self.place.name, &resource)
    }
}

/// Has the cluster know its kinds of objects, before anybody watches them.
fn define() {
    static DEFINED: Once = Once::new();
    DEFINED.call_once(|| {
        let file = built("PORTREEVE_PEERS", "cert-manager-crds.yaml");
        let file = file.to_str().unwrap();
        kubectl(&["apply", "--server-side", "-f", file]);
        kubectl(&["wait", "--for=condition=Established", "-f", file]);
    });
}

fn kubectl(arguments: &[&str]) {
    let done = Command::new("kubectl").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "kubectl {arguments:?}: {said}");
}

/// Watches an object until it is so.
async fn becomes(api: Api<DynamicObject>, name: &str, is_so: impl Fn(&DynamicObject) -> bool) {
    let is_so = |it: Option<&DynamicObject>| it.is_some_and(&is_so);
    let seen = timeout(PATIENCE, await_condition(api.clone(), name, is_so)).await;
    if seen.is_err() {
        panic!("not within {PATIENCE:?}: {:#?}", api.get(name).await);
    }
    seen.unwrap().unwrap();
}

/// Whether the status has this condition.
fn is(object: &DynamicObject, kind: &str, status: &str) -> bool {
    let conditions = object.data["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let so = |it: &Value| it["type"] == kind && it["status"] == status;
    conditions.any(so)
}
