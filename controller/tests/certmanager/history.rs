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

    /// Waits until the proxy shows what the Secret has, and says what it has shown since there was a
    /// Secret: what that had, in this order and soon. What was replaced at once need not be seen.
    pub(crate) async fn is_followed(&self) -> Vec<Chain> {
        until("what the Secret has is shown", async || {
            let last = |seen: &Seen| seen.lock().unwrap().last().map(|(chain, _)| chain.clone());
            last(&self.secret) == last(&self.shown)
        })
        .await;
        let kept = self.secret.lock().unwrap().clone();
        let shown = self.shown.lock().unwrap().clone();
        let mut left = shown.iter().skip(1).peekable();
        for (number, (chain, changed)) in kept.iter().enumerate() {
            let next = left.next_if(|(next, _)| next == chain);
            // Until when it may be shown for the first time: when it was shown, or replaced.
            let until = next.or_else(|| kept.get(number + 1)).unwrap().1;
            let took = until.saturating_duration_since(*changed);
            println!("{took:?} after the Secret: by {}", chain.issuer());
            assert!(took < LATE, "{took:?}");
        }
        assert!(left.next().is_none(), "it shows what the Secret had not");
        shown.into_iter().skip(1).map(|(chain, _)| chain).collect()
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
