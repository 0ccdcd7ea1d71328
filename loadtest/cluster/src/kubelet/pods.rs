//! The Pods of the cluster: watched, given to the Node, and each run by a task of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::pod::Life;
use super::steady::Steady;
use super::{Shared, node, persist};

/// The Pods of the Node.
pub(crate) struct Pods {
    shared: Shared,
    /// How to stop the Pods that run, by their unique ids.
    pods: BTreeMap<String, watch::Sender<Option<Duration>>>,
    /// The Pods of a list that is not complete yet.
    seen: BTreeSet<String>,
    number: u32,
    /// Everything that is done for Pods; it ends with the kubelet.
    tasks: JoinSet<()>,
}

impl Pods {
    /// No Pods yet, beside what the kubelet does already.
    pub(crate) fn new(shared: Shared, tasks: JoinSet<()>) -> Self {
        Self {
            shared,
            pods: BTreeMap::new(),
            seen: BTreeSet::new(),
            number: 0,
            tasks,
        }
    }

    /// Runs every Pod, for ever.
    pub(crate) async fn run(mut self) {
        let pods: Api<Pod> = Api::all(self.shared.client.clone());
        let mut events = Box::pin(watcher(pods, watcher::Config::default()).backoff(Steady));
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                Some(_) = self.tasks.join_next() => continue,
            };
            match event.transpose() {
                Ok(None) => return,
                Ok(Some(event)) => self.handle(event),
                // It is tried again.
                Err(_) => {}
            }
        }
    }

    fn handle(&mut self, event: Event<Pod>) {
        match event {
            Event::Init => self.seen.clear(),
            Event::InitApply(pod) => {
                self.seen.extend(pod.metadata.uid.clone());
                self.apply(pod);
            }
            Event::InitDone => self.forget_the_unseen(),
            Event::Apply(pod) => self.apply(pod),
            Event::Delete(pod) => self.stop(&pod, Duration::ZERO),
        }
    }

    fn apply(&mut self, pod: Pod) {
        let spec = pod.spec.clone().unwrap_or_default();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        if pod.metadata.deletion_timestamp.is_some() {
            let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
            let grace = Duration::from_secs(u64::try_from(grace).unwrap_or_default());
            if self.pods.contains_key(&uid) {
                self.stop(&pod, grace);
            } else if spec
                .node_name
                .as_deref()
                .is_none_or(|node| node == node::NAME)
            {
                self.begin(pod, uid, Some(Duration::ZERO));
            }
        } else if spec.node_name.is_none() {
            self.tasks.spawn(bind(self.shared.client.clone(), pod));
        } else if spec.node_name.as_deref() == Some(node::NAME)
            && !matches!(phase, Some("Succeeded" | "Failed"))
            && !self.pods.contains_key(&uid)
        {
            self.begin(pod, uid, None);
        }
    }

    /// Runs a Pod; one that is to stop already is only removed.
    fn begin(&mut self, pod: Pod, uid: String, stop: Option<Duration>) {
        self.number += 1;
        let (sender, receiver) = watch::channel(stop);
        let life = Life::new(&self.shared, pod, self.number, receiver);
        self.pods.insert(uid, sender);
        self.tasks.spawn(async move {
            match stop {
                Some(_) => life.delete().await,
                None => life.live().await,
            }
        });
    }

    fn stop(&mut self, pod: &Pod, grace: Duration) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        if let Some(stop) = self.pods.get(uid) {
            // A shorter grace may replace a longer one, but has no effect on an end under way.
            stop.send_if_modified(|known| {
                let sooner = known.is_none_or(|known| grace < known);
                if sooner {
                    *known = Some(grace);
                }
                sooner
            });
        }
        self.pods.retain(|_, stop| !stop.is_closed());
    }

    /// Stops the Pods that were deleted while nobody watched.
    fn forget_the_unseen(&mut self) {
        for (_, stop) in self
            .pods
            .iter()
            .filter(|(uid, _)| !self.seen.contains(*uid))
        {
            stop.send_replace(Some(Duration::ZERO));
        }
    }
}

/// Gives a Pod to the Node.
async fn bind(client: Client, pod: Pod) {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"kind": "Node", "name": node::NAME},
    });
    let parameters = PostParams::default();
    persist(|| pods.create_subresource::<_, Value>("binding", name, &parameters, &binding)).await;
}
