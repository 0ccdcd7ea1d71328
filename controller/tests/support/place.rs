//! A corner of the cluster that is a test's own: a namespace, a class, addresses and a folder.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressLoadBalancerIngress};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::wait::until;

/// A kind of object that can be applied.
pub(crate) trait Object:
    kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug
{
}

impl<K> Object for K where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug
{
}

/// The Service's backends, each with the last number of its address.
pub(crate) const BACKENDS: [(&str, u8); 2] = [("one", 201), ("two", 202)];

#[derive(Clone)]
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
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
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
        apply(&all, &json!({"metadata": {"name": name}}))
            .await
            .unwrap();
        place.make_own_class().await;
        place.make_service().await;
        place
    }

    /// Makes the class of all Ingresses here.
    pub(crate) async fn make_own_class(&self) {
        self.make_class(self.name, &self.controller_class()).await;
    }

    pub(crate) async fn delete_own_class(&self) {
        let classes: Api<IngressClass> = Api::all(self.client.clone());
        let params = DeleteParams::default();
        classes.delete(self.name, &params).await.unwrap();
    }

    /// Makes a class of this controller.
    pub(crate) async fn make_class(&self, name: &str, controller: &str) {
        let spec = json!({"controller": controller});
        self.make_cluster_wide::<IngressClass>(&json!({"metadata": {"name": name}, "spec": spec}))
            .await;
    }

    async fn make_service(&self) {
        self.make_service_named("web").await;
        self.lead_to("one").await;
    }

    /// Makes a Service that has no endpoints yet.
    pub(crate) async fn make_service_named(&self, name: &str) {
        let spec = json!({"ports": [{"port": 80, "targetPort": 8080}]});
        self.make::<Service>(&json!({"metadata": {"name": name}, "spec": spec}))
            .await;
    }

    pub(crate) fn controller_class(&self) -> String {
        format!("tests.example/{}", self.name)
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
        self.make_ingress_to(name, "web", json!({})).await;
    }

    /// Makes an Ingress that leads a host of its own to a Service, or changes it.
    pub(crate) async fn make_ingress_to(&self, name: &str, service: &str, annotations: Value) {
        let rule = self.rule(name, service, &json!({"number": 80}));
        let spec = json!({"ingressClassName": self.name, "rules": [rule]});
        let metadata = json!({"name": name, "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": spec});
        self.persist(&self.api::<Ingress>(), &object).await;
    }

    /// A rule that leads the host of an Ingress to a port of a Service.
    pub(crate) fn rule(&self, ingress: &str, service: &str, port: &Value) -> Value {
        let service = json!({"name": service, "port": port});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
        json!({"host": self.host(ingress), "http": {"paths": [path]}})
    }

    /// Makes one backend the only endpoint of the Service.
    pub(crate) async fn lead_to(&self, backend: &str) {
        self.lead_service_to("web", backend).await;
    }

    /// The same for a Service of this name.
    pub(crate) async fn lead_service_to(&self, service: &str, backend: &str) {
        let number = BACKENDS.iter().find(|(name, _)| *name == backend);
        let address = self.address(number.unwrap().1, 0).ip();
        let labels = json!({"kubernetes.io/service-name": service});
        let object = json!({
            "metadata": {"name": format!("{service}-1"), "labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080}],
            "endpoints": [{"addresses": [address], "conditions": {"ready": true}}],
        });
        self.persist(&self.api::<EndpointSlice>(), &object).await;
    }

    /// Applies an object as soon as the API server takes it: it may just have been started.
    pub(crate) async fn persist<K: Object>(&self, api: &Api<K>, object: &Value) {
        until("the API server takes an object", async || {
            apply(api, object).await.is_ok()
        })
        .await;
    }

    /// Makes an object, or makes it so.
    pub(crate) async fn make<K>(&self, object: &Value) -> K
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        apply(&self.api::<K>(), object).await.unwrap()
    }

    /// The same for an object without a namespace.
    pub(crate) async fn make_cluster_wide<K>(&self, object: &Value) -> K
    where
        K: Object + kube::Resource<Scope = ClusterResourceScope>,
    {
        apply(&Api::all(self.client.clone()), object).await.unwrap()
    }

    /// The addresses in an Ingress' status.
    pub(crate) async fn status(&self, ingress: &str) -> Vec<String> {
        let ingress = self.api::<Ingress>().get(ingress).await;
        ingress.map_or_else(|_| Vec::new(), |ingress| addresses(&ingress))
    }
}

/// What the status of an Ingress says: addresses, and names with an `=` before them.
pub(crate) fn addresses(ingress: &Ingress) -> Vec<String> {
    let status = ingress.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let entries = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let entries = entries.into_iter().flatten();
    let text = |entry: &IngressLoadBalancerIngress| {
        assert_eq!(entry.ports, None);
        let name = entry.hostname.iter().map(|name| format!("={name}"));
        entry.ip.iter().cloned().chain(name).collect()
    };
    entries.map(text).collect()
}

/// Applies an object, whose kind need not be written in it.
pub(crate) async fn apply<K: Object>(api: &Api<K>, object: &Value) -> Result<K, kube::Error> {
    let mut object = object.clone();
    object["apiVersion"] = K::api_version(&()).into();
    object["kind"] = K::kind(&()).into();
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let params = PatchParams::apply("tests").force();
    api.patch(&name, &params, &Patch::Apply(object)).await
}
