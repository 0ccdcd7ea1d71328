//! A place with a controller, a proxy and backends, and cert-manager with an authority beside them.

use std::net::SocketAddr;

use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::backends;
use crate::controller::Controller;
use crate::http::get;
use crate::manager::Manager;
use crate::place::Place;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::wait::until;

pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) proxy: Proxy,
    /// Where the proxy listens for TLS.
    pub(crate) https: SocketAddr,
    _controller: Controller,
    _backends: Process,
}

impl Stage {
    pub(crate) async fn start(name: &'static str, net: u8) -> Self {
        let place = Place::new(name, net).await;
        let https = place.address(101, 443);
        let stage = Self {
            _backends: backends::start(&place),
            _controller: Controller::start(&place, 1),
            proxy: Proxy::start_with(&place, 1, &[&format!("--https={https}")]),
            place,
            https,
        };
        until("the proxy is ready", async || stage.proxy.is_ready().await).await;
        stage
    }

    /// Starts cert-manager; its authority asks the proxy for every name there is.
    pub(crate) async fn manager(&self) -> (Authority, Manager) {
        let authority = Authority::start(&self.place, self.proxy.http.ip()).await;
        let manager = Manager::start(&self.place, &authority).await;
        (authority, manager)
    }

    /// Makes an Ingress whose host has TLS by a Secret of the Ingress' name; `path` is that of its
    /// one rule.
    pub(crate) async fn make(&self, name: &str, annotations: &Value, path: &str) {
        let mut rule = self.place.rule(name, "web", &json!({"number": 80}));
        rule["http"]["paths"][0]["path"] = path.into();
        rule["http"]["paths"][0]["pathType"] = "ImplementationSpecific".into();
        let tls = json!({"hosts": [self.place.host(name)], "secretName": name});
        let spec = json!({"ingressClassName": self.place.name, "rules": [rule], "tls": [tls]});
        let metadata = json!({"name": name, "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": spec});
        self.place.make::<Ingress>(&object).await;
    }

    /// What a plain request to the host of an Ingress gets.
    pub(crate) async fn answer(&self, ingress: &str, path: &str) -> u16 {
        let answer = get(self.proxy.http, &self.place.host(ingress), path).await;
        answer.unwrap().status
    }

    /// Waits until a plain request to the host of an Ingress gets this.
    pub(crate) async fn answers(&self, ingress: &str, path: &str, status: u16) {
        until(&format!("{ingress}{path} answers {status}"), async || {
            self.answer(ingress, path).await == status
        })
        .await;
    }
}
