//! A proxy.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::controller;
use crate::http;
use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

pub(crate) struct Proxy {
    pub(crate) process: Process,
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) cache: PathBuf,
}

impl Proxy {
    /// Starts the proxy of this number. What it was told by its predecessor of the same number is
    /// in its cache.
    pub(crate) fn start(place: &Place, number: u8) -> Self {
        Self::start_with(place, number, &[])
    }

    /// The same with these flags.
    pub(crate) fn start_with(place: &Place, number: u8, flags: &[&str]) -> Self {
        let controllers = [1, 2].map(|number| controller::config(place, number));
        Self::launch(place, number, &controllers, flags)
    }

    /// The same with controllers, or what leads to them, at these addresses.
    pub(crate) fn following(place: &Place, number: u8, controllers: &[SocketAddr]) -> Self {
        Self::launch(place, number, controllers, &[])
    }

    fn launch(place: &Place, number: u8, controllers: &[SocketAddr], flags: &[&str]) -> Self {
        let (http, admin) = (
            place.address(100 + number, 80),
            place.address(100 + number, 10254),
        );
        let cache = place.folder.join(format!("cache-{number}"));
        std::fs::create_dir_all(&cache).unwrap();
        let mut arguments = vec![
            format!("--node=p{number}"),
            format!("--identity={}", place.folder.join("pki/proxy").display()),
            format!("--cache={}", cache.display()),
            format!("--http={http}"),
            "--https=none".into(),
            format!("--admin={admin}"),
            "--workers=1".into(),
            "--access-log=off".into(),
            // Longer than whoever asks whether it is ready takes to take note.
            "--drain-delay=1".into(),
        ];
        let controllers = controllers.iter();
        arguments.extend(controllers.map(|address| format!("--controller={address}")));
        arguments.extend(flags.iter().map(ToString::to_string));
        let log = place.folder.join(format!("p{number}.log"));
        Self {
            process: Process::start("portreeve-proxy", &arguments, &log),
            http,
            admin,
            cache,
        }
    }

    pub(crate) async fn is_ready(&self) -> bool {
        http::says_yes(self.admin, "/readyz").await
    }

    /// Which backend answers for a host; `None` when none does.
    pub(crate) async fn answers(&self, host: &str) -> Option<String> {
        let answer = http::get(self.http, host, "/").await.ok()?;
        let line = answer
            .body
            .lines()
            .find_map(|l| l.strip_prefix("service: "));
        line.filter(|_| answer.status == 200).map(str::to_owned)
    }

    /// Waits until a backend answers for a host.
    pub(crate) async fn serves(&self, host: &str) {
        until(&format!("{host} is served"), async || {
            self.answers(host).await.is_some()
        })
        .await;
    }

    pub(crate) async fn metric(&self, name: &str) -> f64 {
        http::metric(self.admin, name).await.unwrap()
    }
}
