//! A controller as the source: it says what is different, and is followed from one to the next.
//!
//! What is served does not depend on a controller being there: when the last one is gone, the last
//! configuration stays, and one after the other is tried until a session stands again.

mod addresses;
mod backoff;
mod connect;
mod news;
mod session;
mod standing;
mod telling;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portreeve_identity::{Reload, Role};
use portreeve_table::Told;
use rustls::ClientConfig;
use tokio::time::sleep;

use super::{Cache, Sink};
use crate::metrics::Contact;
use addresses::Addresses;
use backoff::Backoff;
use news::News;
use portreeve_process::say;
use session::Session;
use standing::Standing;
use telling::Telling;

/// How often it is looked whether an identity has come; that costs no more than three failed calls.
const LOOK: Duration = Duration::from_secs(1);

/// Which controllers there are, and who we are to them.
pub(crate) struct Controllers {
    addresses: Addresses,
    identity: Reload<ClientConfig>,
    /// What this proxy is called, for people.
    node: String,
    backoff: Backoff,
    news: News,
}

/// What sessions have in common: where they put what they are told, and what came of that.
struct Following {
    sink: Arc<Sink>,
    cache: Cache,
    node: String,
    standing: Standing,
}

/// Serves what was kept and then what controllers say, for as long as the process lives.
pub(crate) async fn run(controllers: Controllers, cache: Cache, sink: Arc<Sink>) {
    sink.metrics.contact.set(Contact::Awaited);
    let mut following = Following {
        sink: Arc::clone(&sink),
        cache: cache.clone(),
        node: controllers.node.clone(),
        standing: Standing::default(),
    };
    following.take_kept();
    tokio::join!(controllers.follow(&mut following), cache.keep(&sink));
}

impl Controllers {
    pub(crate) fn new(names: Vec<String>, identity: &Path, node: String) -> Self {
        Self {
            addresses: Addresses::new(names),
            identity: Reload::client(Role::Proxy, identity),
            node,
            backoff: Backoff::new(),
            news: News::default(),
        }
    }

    async fn follow(mut self, following: &mut Following) {
        loop {
            while self.tls().is_none() {
                sleep(LOOK).await;
            }
            let wait = self.round(following).await;
            sleep(wait).await;
        }
    }

    /// Tries one controller after the other until one could be followed, and follows it to its end;
    /// returns how long to wait before the next round.
    async fn round(&mut self, following: &mut Following) -> Duration {
        for address in self.addresses.find(&mut self.news).await {
            sleep(Backoff::apart()).await;
            let Some(tls) = self.tls() else {
                continue;
            };
            if let Some(lasted) = self.attempt(address, tls, following).await {
                self.addresses.leave(address);
                return self.backoff.stood(lasted);
            }
        }
        self.backoff.failed()
    }

    /// Follows one controller, if it can be; returns how long it kept us up to date.
    async fn attempt(
        &mut self,
        address: SocketAddr,
        tls: Arc<ClientConfig>,
        following: &mut Following,
    ) -> Option<Duration> {
        let (why, lasted) = match connect::connect(address, tls).await {
            Ok(stream) => {
                let (ended, lasted) = Session::new(following, address, stream).run().await;
                following.sink.metrics.contact.set(Contact::Lost);
                (ended.to_string(), lasted)
            }
            Err(error) => (error.to_string(), None),
        };
        if lasted.is_some() {
            self.news.forget();
        }
        let stays = "the configuration stays as it is";
        self.news
            .tell(format!("controller {address}: {why}; {stays}"));
        lasted
    }

    /// The TLS configuration; `None` until there is an identity, which may come later than we do.
    fn tls(&mut self) -> Option<Arc<ClientConfig>> {
        if let Err(error) = self.identity.refresh() {
            say(format_args!("portreeve-proxy: --identity {error}"));
        }
        self.identity.config()
    }
}

impl Following {
    /// Puts in place what was kept when there was a controller.
    fn take_kept(&mut self) {
        let Some(delta) = self.cache.load() else {
            return;
        };
        let told = Telling::from(delta);
        let rejected = self.sink.apply(told.delta.clone());
        self.standing.settle(true, &told, rejected);
        self.sink.metrics.taken(self.standing.is_empty());
        say("portreeve-proxy: serving the configuration kept in --cache");
    }

    /// Puts a delta in place that a controller told; returns what it must know.
    fn take(&mut self, is_first: bool, told: Telling) -> Vec<Told> {
        let is_new = self.sink.current.load().number == 0 || !told.delta.is_empty();
        let rejected = self.sink.apply(told.delta.clone());
        let rejected = self.standing.settle(is_first, &told, rejected);
        self.sink.metrics.taken(self.standing.is_empty());
        self.sink.metrics.contact.set(Contact::Fresh);
        if is_new {
            self.cache.changed();
        }
        rejected
    }
}
