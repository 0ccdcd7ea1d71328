//! A corner of the cluster that is a test's own: a namespace, a class, addresses and a folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::wait::until;

/// The Service's backends, each with the last number of its address.
pub(crate) const BACKENDS: [(&str, u8); 2] = [("one", 201), ("two", 202)];

pub(crate) struct Place {
    pub(crate) client: Client,
    /// What the namespace and the class are called.
    pub(crate) name: &'static str,
    pub(crate) folder: PathBuf,
    net: u8,
}

impl Place {
    /// Makes the place; `net` sets its addresses apart from those of all others.
    pub(crate) async fn new(name: &'static str, net: u8) -> Self {
        let client = Client::try_default().await.expect("a cluster");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
        let folder = folder.join(name);
        let _from_an_earlier_run = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let place = Self {
            client,
            name,
            folder,
            net,
        };
        let all: Api<Namespace> = Api::all(place.client.clone());
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply(&all, &object).await.unwrap();
        place.make_class().await;
        place.make_service().await;
        place
    }

    /// Makes the class of all Ingresses here.
    pub(crate) async fn make_class(&self) {
        let spec = json!({"controller": self.controller_class()});
        let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": self.name}, "spec": spec});
        apply(&self.classes(), &object).await.unwrap();
    }

    pub(crate) async fn delete_class(&self) {
        let params = DeleteParams::default();
        self.classes().delete(self.name, &params).await.unwrap();
    }

    fn classes(&self) -> Api<IngressClass> {
        Api::all(self.client.clone())
    }

    async fn make_service(&self) {
        let spec = json!({"ports": [{"port": 80, "targetPort": 8080}]});
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
        apply(&self.api::<Service>(), &object).await.unwrap();
        self.lead_to("one").await;
    }

    pub(crate) fn controller_class(&self) -> String {
        format!("faults.example/{}", self.name)
    }

    /// An address of this place.
    pub(crate) fn address(&self, number: u8, port: u16) -> SocketAddr {
        ([10, 244, self.net, number], port).into()
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), self.name)
    }

    /// The host of an Ingress.
    pub(crate) fn host(&self, ingress: &str) -> String {
        format!("{ingress}.{}.example", self.name)
    }

    /// Makes an Ingress that leads a host of its own to the Service.
    pub(crate) async fn make_ingress(&self, name: &str) {
        let service = json!({"name": "web", "port": {"number": 80}});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
        let rule = json!({"host": self.host(name), "http": {"paths": [path]}});
        let spec = json!({"ingressClassName": self.name, "rules": [rule]});
        let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec});
        self.persist(&self.api::<Ingress>(), &object).await;
    }

    /// Makes one backend the only endpoint of the Service.
    pub(crate) async fn lead_to(&self, backend: &str) {
        let number = BACKENDS.iter().find(|(name, _)| *name == backend);
        let address = self.address(number.unwrap().1, 0).ip();
        let labels = json!({"kubernetes.io/service-name": "web"});
        let object = json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        });
        self.persist(&self.api::<EndpointSlice>(), &object).await;
    }

    /// Applies an object as soon as the API server takes it: it may just have been started.
    async fn persist<K>(&self, api: &Api<K>, object: &Value)
    where
        K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
    {
        until("the API server takes an object", async || {
            apply(api, object).await.is_ok()
        })
        .await;
    }

    /// The addresses in an Ingress' status.
    pub(crate) async fn status(&self, ingress: &str) -> Vec<String> {
        let ingress = self.api::<Ingress>().get(ingress).await;
        ingress.map_or_else(|_| Vec::new(), |ingress| addresses(&ingress))
    }
}

/// What the status of an Ingress says.
pub(crate) fn addresses(ingress: &Ingress) -> Vec<String> {
    let status = ingress.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let entries = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let entries = entries.into_iter().flatten();
    entries.filter_map(|entry| entry.ip.clone()).collect()
}

async fn apply<K>(api: &Api<K>, object: &Value) -> Result<K, kube::Error>
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let name = object["metadata"]["name"].as_str().unwrap();
    let params = PatchParams::apply("faults").force();
    api.patch(name, &params, &Patch::Apply(object)).await
}
