//! Services of a place, their EndpointSlices, and Ingresses that lead to them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::http::get;
use crate::place::Place;
use crate::stage::Stage;
use crate::wait::until;

/// An endpoint that is ready.
pub(crate) fn ready(address: IpAddr) -> Value {
    with(address, json!({"ready": true}))
}

/// An endpoint with these conditions.
pub(crate) fn with(address: IpAddr, conditions: Value) -> Value {
    json!({"addresses": [address], "conditions": conditions})
}

impl Stage {
    /// Makes a Service.
    pub(crate) async fn make_service(&self, name: &str, spec: Value) {
        let service = json!({"metadata": {"name": name}, "spec": spec});
        self.place.make::<Service>(&service).await;
    }

    /// Makes an EndpointSlice of a Service; all its endpoints are of one family.
    pub(crate) async fn make_slice(
        &self,
        name: &str,
        service: &str,
        ports: Value,
        endpoints: &[Value],
    ) {
        let labels = json!({"kubernetes.io/service-name": service});
        let first = endpoints.first().map(|it| it["addresses"][0].to_string());
        let is_v6 = first.is_some_and(|address| address.contains(':'));
        let slice = json!({
            "metadata": {"name": name, "labels": labels},
            "addressType": if is_v6 { "IPv6" } else { "IPv4" },
            "ports": ports,
            "endpoints": endpoints,
        });
        self.place.make::<EndpointSlice>(&slice).await;
    }

    pub(crate) async fn delete_slice(&self, name: &str) {
        let slices = self.place.api::<EndpointSlice>();
        slices.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Makes a Service on port 80 without a selector, with one slice, and an Ingress of its name.
    pub(crate) async fn make_shop(&self, name: &str, spec: Value, endpoints: &[Value]) {
        self.make_service(name, spec).await;
        let port = json!([{"name": "", "port": 8080}]);
        self.make_slice(name, name, port, endpoints).await;
        self.lead(name, name, json!({"number": 80})).await;
    }

    /// Makes an Ingress that leads its host to a port of a Service.
    pub(crate) async fn lead(&self, ingress: &str, service: &str, port: Value) {
        let rule = self.place.rule(ingress, service, &port);
        let spec = json!({"ingressClassName": self.place.name, "rules": [rule]});
        let object = json!({"metadata": {"name": ingress}, "spec": spec});
        self.place.make::<Ingress>(&object).await;
    }

    /// Waits until the backend of this name answers for an Ingress.
    pub(crate) async fn reaches(&self, ingress: &str, backend: &str) {
        let host = self.place.host(ingress);
        until(&format!("{ingress} reaches {backend}"), async || {
            self.proxy.answers(&host).await.as_deref() == Some(backend)
        })
        .await;
    }

    /// How many of so many requests each backend answers.
    pub(crate) async fn shares(&self, ingress: &str, requests: usize) -> BTreeMap<String, usize> {
        let host = self.place.host(ingress);
        let mut shares = BTreeMap::new();
        for _ in 0..requests {
            let backend = self.proxy.answers(&host).await.unwrap();
            *shares.entry(backend).or_default() += 1;
        }
        shares
    }

    /// What the answer to an Ingress' host says.
    pub(crate) async fn body(&self, ingress: &str) -> String {
        let answer = get(self.proxy.http, &self.place.host(ingress), "/").await;
        answer.unwrap().body
    }
}

impl Place {
    /// An IPv6 address of this place.
    pub(crate) fn address_6(&self, number: u8) -> Ipv6Addr {
        let net = self.address(0, 0).to_string();
        let net: u16 = net.split('.').nth(2).unwrap().parse().unwrap();
        Ipv6Addr::new(0xfd00, 0x10, 0x244, 0, 0, 0, net, number.into())
    }
}
