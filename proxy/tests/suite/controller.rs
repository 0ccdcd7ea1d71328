//! The proxy follows controllers: what it is told, who it believes, and what it does without one.

mod cache;
mod identity;
mod loss;
mod rejected;
mod start;
mod told;

use std::net::SocketAddr;

use crate::harness::authority::Authority;
use crate::harness::session::Resources;
use crate::harness::told::{all, host, upstream};
use crate::harness::{Backend, Client, Proxy, Started, get};

/// A proxy with an identity of this authority.
fn proxy(authority: &Authority, controllers: &[SocketAddr]) -> Proxy {
    let files = authority.proxy().into_iter();
    files.fold(Proxy::following(controllers), |proxy, (name, text)| {
        proxy.file(name, text)
    })
}

/// `a.example` is served by this backend.
fn serving(backend: &Backend) -> Resources {
    let endpoints = upstream("t/s:80", &[backend.address]);
    all([host("a.example", "t/s:80"), endpoints])
}

fn text(proxy: &Started, host: &str) -> String {
    get(proxy.http(), host, "/").text()
}

fn status(proxy: &Started, host: &str) -> u16 {
    get(proxy.http(), host, "/").status
}

fn probe(proxy: &Started, path: &str) -> u16 {
    get(proxy.admin(), "admin", path).status
}

/// The metrics `portreeve_controller_connected` and `portreeve_config_stale`.
fn contact(proxy: &Started) -> (f64, f64) {
    let metric = |name| proxy.metric(name, &[]);
    (
        metric("portreeve_controller_connected"),
        metric("portreeve_config_stale"),
    )
}

const FOLLOWED: (f64, f64) = (1.0, 0.0);
const LEFT_ALONE: (f64, f64) = (0.0, 1.0);

/// A client of `a.example` that asks again and again, and is never refused.
struct Load<'p> {
    proxy: &'p Started,
    client: Client,
    served: usize,
}

impl<'p> Load<'p> {
    fn on(proxy: &'p Started) -> Self {
        let client = Client::connect(proxy.http());
        Self {
            proxy,
            client,
            served: 0,
        }
    }

    fn ask(&mut self) {
        // New connections must be served as well as old ones.
        if self.served.is_multiple_of(50) {
            self.client = Client::connect(self.proxy.http());
        }
        self.client
            .send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
        let reply = self.client.reply().expect("a response");
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.served += 1;
    }
}
