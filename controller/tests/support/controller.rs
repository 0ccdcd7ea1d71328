//! A controller.

use std::net::SocketAddr;

use crate::http;
use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

pub(crate) struct Controller {
    pub(crate) process: Process,
    pub(crate) config: SocketAddr,
    pub(crate) admin: SocketAddr,
    number: u8,
}

/// Where a controller of this number listens for proxies.
pub(crate) fn config(place: &Place, number: u8) -> SocketAddr {
    place.address(number, 9443)
}

impl Controller {
    /// Starts the controller of this number; it publishes its own address in statuses, so that it
    /// can be seen who wrote them.
    pub(crate) fn start(place: &Place, number: u8) -> Self {
        let published = format!("--publish-status-address={}", config(place, number).ip());
        Self::start_with(place, number, &[&published])
    }

    /// The same with these flags, which say where its addresses are published from.
    pub(crate) fn start_with(place: &Place, number: u8, flags: &[&str]) -> Self {
        let (config, admin) = (config(place, number), place.address(number, 10255));
        let pki = place.folder.join("pki");
        let mut arguments = vec![
            format!("--namespace={}", place.name),
            format!("--name={}", name(number)),
            format!("--ingress-class={}", place.name),
            format!("--controller-class={}", place.controller_class()),
            "--election-ttl=6s".into(),
            format!("--pki-dir={}", pki.display()),
            format!("--config-listen={config}"),
            format!("--admin={admin}"),
        ];
        arguments.extend(flags.iter().map(ToString::to_string));
        let log = place.folder.join(format!("{}.log", name(number)));
        Self {
            process: Process::start("portreeve-controller", &arguments, &log),
            config,
            admin,
            number,
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        name(self.number)
    }

    /// What it writes into statuses.
    pub(crate) fn published(&self) -> Vec<String> {
        vec![self.config.ip().to_string()]
    }

    /// Waits until it is ready for proxies.
    pub(crate) async fn ready(&self) {
        until("a controller is ready", async || {
            http::says_yes(self.admin, "/readyz").await
        })
        .await;
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        http::metric(self.admin, name).await.unwrap()
    }
}

fn name(number: u8) -> String {
    format!("c{number}")
}
