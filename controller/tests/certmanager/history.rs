//! What a Secret had and what a proxy showed, one after another, each with its moment.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher::watch_object;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::chain::Chain;
use crate::stage::Stage;
use crate::wait::until;

/// How often a proxy is asked.
const ASK: Duration = Duration::from_millis(20);

/// A proxy that shows a certificate later than this is a failure on any machine. How long it takes
/// is printed.
const LATE: Duration = Duration::from_secs(5);

type Seen = Arc<Mutex<Vec<(Chain, Instant)>>>;

/// Both, from when it begins to look; each chain once for as long as it stays.
pub(crate) struct History {
    secret: Seen,
    shown: Seen,
    _looking: JoinSet<()>,
}

impl History {
    /// Begins to look at the Secret of a host and at what the host is shown with.
    pub(crate) async fn begin(stage: &Stage, host: &str, secret: &str) -> Self {
        let (kept, shown) = (Seen::default(), Seen::default());
        let mut looking = JoinSet::new();
        looking.spawn(watch(stage, secret, Arc::clone(&kept)));
        looking.spawn(ask(stage, host, Arc::clone(&shown)));
        until("something is shown", async || count(&shown) == 1).await;
        Self {
            secret: kept,
            shown,
            _looking: looking,
        }
    }

    /// Waits until the proxy has shown all that the Secret has had, and says what that was: exactly
    /// this, in this order, after what was shown before there was a Secret, and soon.
    pub(crate) async fn is_followed(&self) -> Vec<Chain> {
        until("what the Secret has is shown", async || {
            let last = |seen: &Seen| seen.lock().unwrap().last().map(|(chain, _)| chain.clone());
            last(&self.secret) == last(&self.shown)
        })
        .await;
        let (kept, shown) = (self.secret.lock().unwrap(), self.shown.lock().unwrap());
        let chains = |seen: &[(Chain, Instant)]| -> Vec<_> {
            seen.iter().map(|(chain, _)| chain.clone()).collect()
        };
        assert_eq!(chains(&shown[1..]), chains(&kept));
        for ((chain, changed), (_, shown)) in kept.iter().zip(&shown[1..]) {
            let took = shown.saturating_duration_since(*changed);
            println!("{took:?} after the Secret: by {}", chain.issuer());
            assert!(took < LATE, "{took:?}");
        }
        chains(&kept)
    }
}

fn watch(stage: &Stage, secret: &str, seen: Seen) -> impl Future<Output = ()> + use<> {
    let (api, secret) = (stage.place.api::<Secret>(), secret.to_owned());
    async move {
        let mut states = Box::pin(watch_object(api, &secret));
        while let Some(state) = states.try_next().await.unwrap() {
            if let Some(chain) = state.as_ref().and_then(Chain::of) {
                note(&seen, chain);
            }
        }
    }
}

/// Every handshake must succeed.
fn ask(stage: &Stage, host: &str, seen: Seen) -> impl Future<Output = ()> + use<> {
    let (https, host) = (stage.https, host.to_owned());
    async move {
        let mut pause = interval(ASK);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pause.tick().await;
            note(&seen, Chain::shown(https, &host).await.unwrap());
        }
    }
}

fn note(seen: &Seen, chain: Chain) {
    let mut seen = seen.lock().unwrap();
    if seen.last().is_none_or(|(last, _)| *last != chain) {
        seen.push((chain, Instant::now()));
    }
}

fn count(seen: &Seen) -> usize {
    seen.lock().unwrap().len()
}
