//! Handshakes at every proxy all the while, each of which must succeed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use crate::chain::Chain;
use crate::wait::until;

#[derive(Default)]
struct Seen {
    made: AtomicUsize,
    failed: AtomicUsize,
    chains: Mutex<BTreeSet<Chain>>,
}

/// Handshakes, until it is dropped.
pub(crate) struct Handshakes {
    seen: Arc<Seen>,
    _making: JoinSet<()>,
}

impl Handshakes {
    /// Begins to ask each proxy for a host, one handshake after the other.
    pub(crate) fn begin(proxies: &[SocketAddr], host: &str) -> Self {
        let seen = Arc::new(Seen::default());
        let mut making = JoinSet::new();
        for proxy in proxies {
            making.spawn(ask(*proxy, host.to_owned(), Arc::clone(&seen)));
        }
        Self {
            seen,
            _making: making,
        }
    }

    pub(crate) fn made(&self) -> usize {
        self.seen.made.load(Ordering::Relaxed)
    }

    /// Waits until so many were made, and says how many failed.
    pub(crate) async fn failed_of(&self, number: usize) -> usize {
        until("enough handshakes are made", async || self.made() >= number).await;
        self.seen.failed.load(Ordering::Relaxed)
    }

    /// Every chain that was shown.
    pub(crate) fn chains(&self) -> BTreeSet<Chain> {
        self.seen.chains.lock().unwrap().clone()
    }
}

async fn ask(proxy: SocketAddr, host: String, seen: Arc<Seen>) {
    loop {
        match Chain::shown(proxy, &host).await {
            Ok(chain) => drop(seen.chains.lock().unwrap().insert(chain)),
            Err(_) => drop(seen.failed.fetch_add(1, Ordering::Relaxed)),
        }
        seen.made.fetch_add(1, Ordering::Relaxed);
    }
}
