//! Ingresses that are made all the while, none of which stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::place::Place;
use crate::wait::until;

/// How often one is made.
const EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Calls {
    made: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    running: JoinHandle<Vec<String>>,
}

impl Calls {
    pub(crate) fn start(place: &Place) -> Self {
        let api = place.api::<Ingress>();
        let (stop, stopped) = watch::channel(false);
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let running = tokio::spawn(async move {
            let (mut failures, mut pause) = (vec![], interval(EVERY));
            while !*stopped.borrow() {
                pause.tick().await;
                let done = make(&api).await;
                failures.extend(done.err().map(|error| error.to_string()));
                counted.fetch_add(1, Ordering::Relaxed);
            }
            failures
        });
        Self {
            made,
            stop,
            running,
        }
    }

    /// Waits until there have been some more.
    pub(crate) async fn go_on(&self) {
        let enough = self.made.load(Ordering::Relaxed) + 20;
        until("more are made", async || {
            self.made.load(Ordering::Relaxed) >= enough
        })
        .await;
    }

    /// Ends them, and says how many there were.
    pub(crate) async fn none_failed(self) -> usize {
        self.stop.send_replace(true);
        let failures = self.running.await.unwrap();
        let made = self.made.load(Ordering::Relaxed);
        assert!(
            failures.is_empty(),
            "{} of {made}: {:#?}",
            failures.len(),
            failures.first()
        );
        made
    }
}

/// Makes an Ingress as far as saying what would come of it.
pub(crate) async fn make(api: &Api<Ingress>) -> Result<(), kube::Error> {
    let service = json!({"name": "web", "port": {"number": 80}});
    let spec = json!({"defaultBackend": {"service": service}});
    let ingress = json!({"metadata": {"generateName": "call-"}, "spec": spec});
    let ingress = serde_json::from_value(ingress).unwrap();
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&params, &ingress).await.map(drop)
}
