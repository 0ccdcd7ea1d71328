//! Whether challenges are answered wherever a CA may ask: by every proxy behind the Service, or,
//! where none is named, by those that are connected to this controller, as far as they have said.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use kube::Client;
use portreeve_acme::{Asker, ChallengeKind, Closed, Staged};
use portreeve_table::ResourceKey;
use portreeve_translate::ObjectKey;
use tokio::time::{Instant, sleep};

use super::proxies::{Proxies, Proxy};
use crate::published::{Latest, Published};
use crate::serve::Fleet;

#[cfg(test)]
mod tests;

/// How long proxies have to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before they are asked again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// How many questions of one order are under way at once.
const AT_ONCE: usize = 32;

/// Who is asked.
#[derive(Clone)]
pub(crate) enum Doors {
    /// Every proxy behind a Service, by a question like a CA's.
    Service(Arc<Behind>),
    /// The proxies that are connected to this controller, by what they have taken.
    Fleet {
        /// What they are told.
        latest: Latest,
        /// What each has taken.
        fleet: Arc<Fleet>,
    },
}

/// The proxies behind a Service.
pub(crate) struct Behind {
    proxies: Proxies,
    asker: Asker,
}

impl Doors {
    /// Every proxy behind `service`.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub(crate) fn behind(client: Client, service: ObjectKey) -> Result<Self, rustls::Error> {
        let asker = Asker::new()?;
        let proxies = Proxies::new(client, service);
        Ok(Self::Service(Arc::new(Behind { proxies, asker })))
    }

    /// Those who do not answer as they should, and why not. Whoever has is put into `open`, and is
    /// not asked again.
    async fn closed(&self, staged: &[Staged], open: &mut BTreeSet<Proxy>) -> Vec<String> {
        match self {
            Self::Service(behind) => behind.closed(staged, open).await,
            Self::Fleet { latest, fleet } => {
                let latest = latest.borrow().clone();
                let has = latest.filter(|latest| has_all(latest, staged));
                match has {
                    Some(latest) => waiting(&fleet.seen(), latest.number, staged),
                    None => vec!["this controller, which does not tell it yet".into()],
                }
            }
        }
    }
}

impl portreeve_acme::Doors for Doors {
    async fn open(&self, staged: &[Staged]) -> Result<(), Closed> {
        let deadline = Instant::now() + PATIENCE;
        let (mut open, mut pause) = (BTreeSet::new(), PAUSE.0);
        loop {
            let closed = self.closed(staged, &mut open).await;
            if closed.is_empty() {
                return Ok(());
            }
            if Instant::now() + pause > deadline {
                return Err(Closed(closed));
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }
}

impl Behind {
    /// Those behind the Service now: who has gone is not waited for, and who has come is asked.
    async fn closed(&self, staged: &[Staged], open: &mut BTreeSet<Proxy>) -> Vec<String> {
        let all = match self.proxies.list().await {
            Ok(all) => all,
            Err(why) => return vec![why],
        };
        let new: Vec<_> = all.difference(open).cloned().collect();
        let asked: Vec<_> = new.iter().map(|proxy| self.ask(proxy, staged)).collect();
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let mut closed = Vec::new();
        for (proxy, answer) in new.iter().zip(answers) {
            match answer {
                None => drop(open.insert(proxy.clone())),
                Some(why) => closed.push(format!("{}: {why}", proxy.name)),
            }
        }
        closed
    }

    /// The first thing that is wrong with a proxy's answers.
    async fn ask(&self, proxy: &Proxy, staged: &[Staged]) -> Option<String> {
        for challenge in staged {
            let (address, port) = match challenge.kind {
                ChallengeKind::Http01 => (proxy.http, "http"),
                ChallengeKind::TlsAlpn01 => (proxy.https, "https"),
            };
            let Some(address) = address else {
                return Some(format!("its Service has no port called {port}"));
            };
            if let Err(wrong) = self.asker.ask(address, challenge).await {
                return Some(format!("{wrong} (asked about {})", challenge.host));
            }
        }
        None
    }
}

/// Whether what is published has these challenges.
fn has_all(published: &Published, staged: &[Staged]) -> bool {
    let there = &published.translation.config.challenges;
    staged.iter().all(|staged| {
        let challenge = there.get(&staged.token);
        challenge.is_some_and(|it| it.key_authorization == staged.key_authorization)
    })
}

/// The proxies that have not taken this publication, or not these challenges.
fn waiting(seen: &[crate::serve::Seen], number: u64, staged: &[Staged]) -> Vec<String> {
    if seen.is_empty() {
        let nobody = "a proxy, because none is connected to this controller; \
                      give --acme-service, so that each is asked";
        return vec![nobody.into()];
    }
    let keys = staged
        .iter()
        .map(|it| ResourceKey::Challenge(it.token.clone()));
    let keys: BTreeSet<_> = keys.collect();
    let takes = |seen: &crate::serve::Seen| {
        let rejects = seen.rejected.keys().any(|key| keys.contains(key));
        seen.has >= number && !rejects
    };
    let missing = seen.iter().filter(|seen| !takes(seen));
    let name = |seen: &crate::serve::Seen| {
        format!("{} at {}, which has not taken it", seen.node, seen.address)
    };
    missing.map(name).collect()
}
