//! A place with somebody who serves it: backends, a controller and a proxy.

use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

use crate::controller::Controller;
use crate::http::get;
use crate::place::Place;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::support::backends;
use crate::wait::until;

pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) controller: Controller,
    pub(crate) proxy: Proxy,
    _backends: Process,
}

impl Stage {
    /// One whose controller publishes its own address.
    pub(crate) async fn start(name: &'static str, net: u8) -> Self {
        Self::start_with(Place::new(name, net).await, &[]).await
    }

    /// The same in a place that something was done in, with these flags of the controller.
    pub(crate) async fn start_with(place: Place, flags: &[&str]) -> Self {
        let own = format!("--publish-status-address={}", published(&place));
        Self::raise(place, &[&[&*own], flags].concat()).await
    }

    /// The same whose controller publishes what its flags say.
    pub(crate) async fn raise(place: Place, flags: &[&str]) -> Self {
        let stage = Self {
            _backends: backends::start(&place),
            controller: Controller::start_with(&place, 1, flags),
            proxy: Proxy::start(&place, 1),
            place,
        };
        stage.controller.ready().await;
        until("the proxy is ready", async || stage.proxy.is_ready().await).await;
        stage
    }

    /// Makes an Ingress with these fields that leads a host of its own to the Service.
    pub(crate) async fn make_ingress(&self, name: &str, metadata: &Value, spec: &Value) {
        let ingress = self.ingress(name, metadata, spec);
        self.place.make::<Ingress>(&ingress).await;
    }

    /// That Ingress, not made yet.
    pub(crate) fn ingress(&self, name: &str, metadata: &Value, spec: &Value) -> Value {
        let rule = self.place.rule(name, "web", &json!({"number": 80}));
        let mut object = json!({"metadata": {"name": name}, "spec": {"rules": [rule]}});
        for (part, given) in [("metadata", metadata), ("spec", spec)] {
            for (field, value) in given.as_object().unwrap() {
                object[part][field] = value.clone();
            }
        }
        object
    }

    /// Waits until a backend answers for an Ingress.
    pub(crate) async fn serves(&self, ingress: &str) {
        self.proxy.serves(&self.place.host(ingress)).await;
    }

    /// What a request to the host of an Ingress gets.
    pub(crate) async fn answer(&self, ingress: &str, path: &str) -> u16 {
        let answer = get(self.proxy.http, &self.place.host(ingress), path).await;
        answer.unwrap().status
    }

    /// Waits until a request to the host of an Ingress gets this.
    pub(crate) async fn answers(&self, ingress: &str, path: &str, status: u16) {
        until(&format!("{ingress}{path} answers {status}"), async || {
            self.answer(ingress, path).await == status
        })
        .await;
    }

    /// Waits until an Ingress is served and its status says so.
    pub(crate) async fn is_ours(&self, ingress: &str) {
        self.serves(ingress).await;
        self.says(ingress, &self.controller.published()).await;
    }

    /// Looks that an Ingress has no route and no status. Whatever is known of it has been acted on:
    /// another one, made after it, is served and has its status.
    pub(crate) async fn is_not_ours(&self, ingress: &str) {
        let after = format!("after-{ingress}");
        self.place.make_ingress(&after).await;
        self.is_ours(&after).await;
        assert_eq!(self.answer(ingress, "/").await, 404, "{ingress}");
        let status = self.place.status(ingress).await;
        assert_eq!(status, [""; 0], "{ingress}");
    }

    /// Waits until the status of an Ingress says this.
    pub(crate) async fn says(&self, ingress: &str, addresses: &[String]) {
        let what = format!("the status of {ingress} says {addresses:?}");
        until(&what, async || {
            self.place.status(ingress).await == addresses
        })
        .await;
    }
}

/// What the controller of a place publishes by itself.
fn published(place: &Place) -> String {
    crate::controller::config(place, 1).ip().to_string()
}
