//! A place with two controllers, three proxies and backends, and a CA beside them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::backends;
use crate::chain::Chain;
use crate::controller::{self, Controller};
use crate::place::Place;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::wait::until;

const PROXIES: [u8; 3] = [1, 2, 3];
/// An address that nobody listens on.
const NOBODY: u8 = 199;

pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) authority: Authority,
    _backends: Process,
}

impl Stage {
    pub(crate) async fn start(name: &'static str, net: u8) -> Self {
        let place = Place::new(name, net).await;
        let authority = Authority::start(&place, https(&place, 1).ip()).await;
        let stage = Self {
            _backends: backends::start(&place),
            controllers: [1, 2].map(|n| control(&place, &authority, n)).into(),
            proxies: PROXIES.map(|n| serve(&place, n)).into(),
            authority,
            place,
        };
        stage.lead_to_proxies(false).await;
        for controller in &stage.controllers {
            controller.ready().await;
        }
        for proxy in &stage.proxies {
            until("a proxy is ready", async || proxy.is_ready().await).await;
        }
        stage.leader().await;
        stage
    }

    /// The Service that leads to the proxies, and, if it is to be so, to somebody who does not answer.
    pub(crate) async fn lead_to_proxies(&self, and_nobody: bool) {
        let ports = json!([{"name": "http", "port": 80}, {"name": "https", "port": 443}]);
        let service = json!({"metadata": {"name": "proxies"}, "spec": {"ports": ports}});
        self.place.make::<Service>(&service).await;
        let numbers = PROXIES.iter().map(|n| 100 + n);
        let numbers = numbers.chain(and_nobody.then_some(NOBODY));
        let endpoint = |n| {
            let address = self.place.address(n, 0).ip();
            json!({"addresses": [address], "conditions": {"ready": true}})
        };
        let endpoints: Vec<_> = numbers.map(endpoint).collect();
        let slice = json!({
            "metadata": {
                "name": "proxies-1",
                "labels": {"kubernetes.io/service-name": "proxies"},
            },
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": endpoints,
        });
        self.place.make::<EndpointSlice>(&slice).await;
    }

    /// Who leads, by the place in the list.
    pub(crate) async fn leader(&self) -> usize {
        let mut found = None;
        until("somebody leads", async || {
            for (at, controller) in self.controllers.iter().enumerate() {
                let name = "nginx_ingress_controller_leader_election_status";
                if controller.metric(name).await > 0.0 {
                    found = Some(at);
                }
            }
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Makes an Ingress that wants a certificate for its host, in a Secret of its name.
    pub(crate) async fn want(&self, name: &str) {
        let ingress = self.ingress(name, &self.place.host(name));
        self.place.make::<Ingress>(&ingress).await;
    }

    /// Such an Ingress for a host, not made yet.
    pub(crate) fn ingress(&self, name: &str, host: &str) -> Value {
        let mut rule = self.place.rule(name, "web", &json!({"number": 80}));
        rule["host"] = host.into();
        let tls = json!({"hosts": [host], "secretName": name});
        json!({
            "metadata": {"name": name, "annotations": {"portreeve.dev/acme": "true"}},
            "spec": {"ingressClassName": self.place.name, "rules": [rule], "tls": [tls]},
        })
    }

    /// Where the proxies listen for TLS.
    pub(crate) fn https(&self) -> Vec<SocketAddr> {
        PROXIES.iter().map(|n| https(&self.place, *n)).collect()
    }

    /// What each proxy shows for the host of an Ingress, each chain once.
    pub(crate) async fn shown(&self, ingress: &str) -> BTreeSet<Chain> {
        let (host, mut all) = (self.place.host(ingress), BTreeSet::new());
        for https in self.https() {
            all.insert(Chain::shown(https, &host).await.unwrap());
        }
        all
    }

    /// Waits until every proxy shows one certificate of the CA for the host of an Ingress that is none
    /// of `before`.
    pub(crate) async fn is_certified(&self, ingress: &str, before: &BTreeSet<Chain>) -> Chain {
        let (host, mut found) = (self.place.host(ingress), None);
        until(
            &format!("{host} has a certificate everywhere"),
            async || {
                let shown = self.shown(ingress).await;
                found = shown.first().cloned();
                let is_it = |it: &Chain| it.issuer().contains("Pebble") && it.names(&host);
                shown.len() == 1 && shown.iter().all(is_it) && shown.is_disjoint(before)
            },
        )
        .await;
        found.unwrap()
    }

    /// The Secrets here whose name begins so.
    pub(crate) async fn secrets(&self, beginning: &str) -> Vec<String> {
        let all = self
            .place
            .api::<Secret>()
            .list(&ListParams::default())
            .await;
        let names = all
            .unwrap()
            .items
            .into_iter()
            .filter_map(|it| it.metadata.name);
        names.filter(|name| name.starts_with(beginning)).collect()
    }
}

fn https(place: &Place, number: u8) -> SocketAddr {
    place.address(100 + number, 443)
}

fn serve(place: &Place, number: u8) -> Proxy {
    let https = format!("--https={}", https(place, number));
    Proxy::start_with(place, number, &[&https])
}

fn control(place: &Place, authority: &Authority, number: u8) -> Controller {
    let own = controller::config(place, number).ip();
    let flags = [
        format!("--publish-status-address={own}"),
        format!("--acme-directory={}", authority.url),
        format!("--acme-ca-file={}", authority.ca_file.display()),
        "--acme-email=ops@shop.example".into(),
        format!("--acme-service={}/proxies", place.name),
        "--acme-ask-every=1".into(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Controller::start_with(place, number, &flags)
}
