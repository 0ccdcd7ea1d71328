//! A namespace of a test's own, and what may be made in it.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::wait::until;

/// What the API server says before the words of a policy.
const DENIED: &str = "denied request: ";

pub(crate) struct Corner {
    pub(crate) name: &'static str,
    pub(crate) ingresses: Api<Ingress>,
}

/// Why something is not made: by which policy, in what words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) policy: String,
    pub(crate) words: String,
}

impl Corner {
    /// One whose namespace lists these hosts, if any.
    pub(crate) async fn make(client: Client, name: &'static str, hosts: Option<&str>) -> Self {
        let all: Api<Namespace> = Api::all(client.clone());
        let annotations = hosts.map(|hosts| json!({"portreeve.dev/hosts": hosts}));
        let metadata = json!({"name": name, "annotations": annotations});
        let namespace = serde_json::from_value(json!({"metadata": metadata})).unwrap();
        all.create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        Self::of(client, name)
    }

    /// One that there is already.
    pub(crate) fn of(client: Client, name: &'static str) -> Self {
        let ingresses = Api::namespaced(client, name);
        Self { name, ingresses }
    }

    /// An Ingress of our class with these annotations.
    pub(crate) fn ingress(&self, annotations: &[(&str, &str)]) -> Value {
        let annotations = annotations.iter();
        let annotations: serde_json::Map<_, _> = annotations
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": backend});
        json!({
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {
                "ingressClassName": "portreeve",
                "rules": [{"host": "shop.example", "http": {"paths": [path]}}],
            },
        })
    }

    /// What is said of an Ingress that somebody tries to make; `None` when it may be made.
    pub(crate) async fn refusal(&self, ingress: &Value) -> Option<Refusal> {
        let ingress = serde_json::from_value(ingress.clone()).unwrap();
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        read(self.ingresses.create(&params, &ingress).await)
    }

    /// Makes it.
    pub(crate) async fn put(&self, ingress: &Value) {
        let ingress = serde_json::from_value(ingress.clone()).unwrap();
        let params = PostParams::default();
        self.ingresses.create(&params, &ingress).await.unwrap();
    }

    /// What is said of a change to one that is there; it is made when it may be.
    pub(crate) async fn change(&self, name: &str, change: Value) -> Option<Refusal> {
        let (params, patch) = (PatchParams::default(), Patch::Merge(change));
        read(self.ingresses.patch(name, &params, &patch).await)
    }

    pub(crate) async fn until_refused(&self, policy: &str, ingress: &Value) {
        until(&format!("{policy} is in force"), async || {
            let refusal = self.refusal(ingress).await;
            refusal.is_some_and(|refusal| refusal.policy == policy)
        })
        .await;
    }
}

fn read(answer: Result<Ingress, kube::Error>) -> Option<Refusal> {
    let status = match answer {
        Ok(_) => return None,
        Err(kube::Error::Api(status)) => status,
        Err(error) => panic!("{error}"),
    };
    assert_eq!((status.code, &*status.reason), (422, "Invalid"));
    let denied = status.message.split_once(DENIED);
    let (before, words) = denied.unwrap_or_else(|| panic!("{}", status.message));
    let policy = before.split('\'').nth(1).unwrap();
    Some(Refusal {
        policy: policy.into(),
        words: words.into(),
    })
}
