//! Many Ingresses and Services that only have to be there: nobody is at their endpoints.

use std::ops::Range;

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::PostParams;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::place::Place;

/// How many objects are made at a time.
const AT_ONCE: usize = 16;
/// How many endpoints a Service has.
pub(crate) const ENDPOINTS: usize = 50;

/// Makes the Services of these numbers with their endpoints.
pub(crate) async fn services(place: &Place, numbers: Range<usize>) {
    create(&place.api::<Service>(), numbers.clone().map(service)).await;
    let slices = numbers.map(|number| slice(number, 0));
    create(&place.api::<EndpointSlice>(), slices).await;
}

/// Makes the Ingresses of these numbers, which lead to so many Services.
pub(crate) async fn ingresses(place: &Place, numbers: Range<usize>, services: usize) {
    let ingresses = numbers.map(|number| ingress(place, number, services));
    create(&place.api::<Ingress>(), ingresses).await;
}

/// Gives a Service one endpoint more or less than it has.
pub(crate) async fn change(place: &Place, service: usize, change: usize) {
    let slice = slice(service, change % 2);
    place.persist(&place.api::<EndpointSlice>(), &slice).await;
}

async fn create<K>(api: &Api<K>, objects: impl Iterator<Item = Value>)
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let create = async |object| {
        let object: K = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    };
    let creating = stream::iter(objects).map(create);
    creating.buffer_unordered(AT_ONCE).collect::<()>().await;
}

fn service(number: usize) -> Value {
    let port = json!({"name": "http", "port": 80, "targetPort": 8080});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": format!("service-{number}"), "labels": {"app": format!("service-{number}")}},
        "spec": {"ports": [port]},
    })
}

/// A slice as its controller writes them, without some of its endpoints.
fn slice(number: usize, without: usize) -> Value {
    let endpoint = |e: usize| {
        let pod = format!("service-{number}-7d4b9c6f5-{e:05}");
        let uid = format!("0e8c8c1e-7a4b-4d6c-{number:04x}-2f1a3b4c{e:04x}");
        json!({
            "addresses": [format!("10.{}.{}.{}", 128 + number / 250, number % 250, e + 1)],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "nodeName": format!("node-{e}.eu-central-1.compute.internal"),
            "zone": "eu-central-1a",
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": pod, "uid": uid},
        })
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("service-{number}-x7k2p"),
            "labels": {
                "app": format!("service-{number}"),
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": format!("service-{number}"),
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": (without..ENDPOINTS).map(endpoint).collect::<Vec<_>>(),
    })
}

/// An Ingress as somebody applied it: with a host and two paths of its own.
fn ingress(place: &Place, number: usize, services: usize) -> Value {
    let service = json!({"name": format!("service-{}", number % services), "port": {"number": 80}});
    let path = |path| json!({"path": path, "pathType": "Prefix", "backend": {"service": service}});
    let rule = json!({
        "host": place.host(&format!("shop-{number}")),
        "http": {"paths": [path("/"), path("/api")]},
    });
    let spec = json!({"ingressClassName": place.name, "rules": [rule]});
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": format!("shop-{number}"),
            "labels": {"app": format!("shop-{number}")},
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": spec.to_string(),
                "nginx.ingress.kubernetes.io/proxy-read-timeout": "30",
                "nginx.ingress.kubernetes.io/proxy-body-size": "8m",
            },
        },
        "spec": spec,
    })
}
