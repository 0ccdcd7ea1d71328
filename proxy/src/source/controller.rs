//! A controller as the source: it says what is different, and is followed from one to the next.
//!
//! What is served does not depend on a controller being there: when the last one is gone, the last
//! configuration stays, and one after the other is tried until a session stands again.

mod connect;
mod session;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portreeve_identity::{Reload, Role};
use rustls::ClientConfig;
use tokio::time::sleep;

use super::{Cache, Sink};
use crate::wiring::say;
use session::{Ended, Session};

/// The shortest and the longest time between two attempts, before chance keeps proxies from
/// coming all at once.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));

/// Which controllers there are, and who we are to them.
pub(crate) struct Controllers {
    /// Host and port of each; a name may stand for several.
    addresses: Vec<String>,
    identity: Reload<ClientConfig>,
    /// What this proxy is called, for people.
    node: String,
    wait: Duration,
}

impl Controllers {
    pub(crate) fn new(addresses: Vec<String>, identity: &Path, node: String) -> Self {
        Self {
            addresses,
            identity: Reload::client(Role::Proxy, identity),
            node,
            wait: AGAIN.0,
        }
    }

    /// The TLS configuration; `None` until there is an identity, which may come later than we do.
    fn tls(&mut self) -> Option<Arc<ClientConfig>> {
        if let Err(error) = self.identity.refresh() {
            say(format_args!("portreeve-proxy: --identity {error}"));
        }
        self.identity.config()
    }

    /// Where the controllers are now.
    async fn resolve(&self) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for address in &self.addresses {
            match connect::resolve(address).await {
                Ok(addresses) => found.extend(addresses),
                Err(error) => say(format_args!(
                    "portreeve-proxy: --controller {address} leads nowhere: {error}"
                )),
            }
        }
        found
    }

    /// Waits longer after each attempt that came to nothing.
    async fn pause(&mut self) {
        sleep(about(self.wait)).await;
        self.wait = (self.wait * 2).min(AGAIN.1);
    }
}

/// Follows the controllers for as long as the process lives.
pub(crate) async fn follow(mut controllers: Controllers, sink: Arc<Sink>, cache: Cache) {
    loop {
        controllers.pause().await;
        for address in controllers.resolve().await {
            let Some(tls) = controllers.tls() else {
                break;
            };
            let session = Session::new(&sink, &cache, &controllers.node);
            let (ended, was_useful) = session.run(address, tls).await;
            sink.is_left_alone();
            say_ended(address, &ended);
            if was_useful {
                controllers.wait = AGAIN.0;
            }
            controllers.pause().await;
        }
    }
}

fn say_ended(address: SocketAddr, ended: &Ended) {
    say(format_args!(
        "portreeve-proxy: controller {address}: {ended}; the configuration stays as it is"
    ));
}

/// Between half and one and a half times as long.
fn about(wait: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let thousandths = u32::try_from(random % 1000).unwrap_or_default();
    wait / 2 + wait * thousandths / 1000
}
