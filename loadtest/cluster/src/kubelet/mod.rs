//! The kubelet of a cluster whose one Node runs Pods as processes; and its scheduler, which has no
//! choice.
//!
//! It must never stop because of one Pod: what cannot run says why in its status.

mod atomic;
mod container;
mod env;
mod fields;
mod images;
mod launch;
mod logs;
mod node;
mod objects;
mod pod;
mod probe;
mod root;
mod sandbox;
mod source;
mod status;
mod token;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use images::{Image, Images};

use crate::pki::Pki;
use crate::process::Registry;
use crate::{ClusterError, Folder, namespace};
use objects::Objects;
use pod::Life;

/// How long to wait before the API server is asked again that could not be reached.
const RETRY: Duration = Duration::from_millis(100);

/// The pause after which a watch that failed is begun again, however often: whoever stops the API
/// server for a test should not wait for the kubelet afterwards.
struct Steady;

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(RETRY)
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {}
}

/// What every Pod needs of the kubelet.
#[derive(Clone)]
pub(crate) struct Shared {
    client: Client,
    folder: Folder,
    registry: Registry,
    images: Arc<Images>,
    objects: Objects,
}

/// Makes a kubelet; Pods run as long as what it returns is polled.
pub(crate) async fn start(
    client: &Client,
    folder: &Folder,
    pki: &Pki,
    registry: &Registry,
    images: Images,
) -> Result<impl Future<Output = ()> + use<>, ClusterError> {
    // Secrets are in memory only, and all of it goes with the namespace.
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", "mode=0755", "portreeve-pods"])
        .arg(folder.pods());
    namespace::feed(&mut mount, "").await?;
    node::register(client).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(logs::serve(folder, pki, registry).await?);
    let kubelet = Kubelet {
        shared: Shared {
            client: client.clone(),
            folder: folder.clone(),
            registry: registry.clone(),
            images: Arc::new(images),
            objects: Objects::watch(client, &mut tasks),
        },
        pods: BTreeMap::new(),
        seen: BTreeSet::new(),
        number: 0,
        tasks,
    };
    Ok(kubelet.run())
}

/// Takes away what the kubelet mounted, so that its folder can be removed within the namespace.
pub(crate) async fn put_away(folder: &Folder) {
    let mut umount = Command::new("umount");
    umount.arg("--lazy").arg(folder.pods());
    // It may have failed before it was mounted.
    let _ = namespace::feed(&mut umount, "").await;
}

struct Kubelet {
    shared: Shared,
    /// How to stop the Pods that run, by their unique ids.
    pods: BTreeMap<String, watch::Sender<Option<Duration>>>,
    /// The Pods of a list that is not complete yet.
    seen: BTreeSet<String>,
    number: u32,
    /// Everything that is done for Pods; it ends with the kubelet.
    tasks: JoinSet<()>,
}

impl Kubelet {
    async fn run(mut self) {
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

/// Asks the API server until it answers; what it refuses is not asked again: the object has gone,
/// or a newer one tells of itself.
async fn persist<T, F>(mut ask: impl FnMut() -> F)
where
    F: Future<Output = Result<T, kube::Error>>,
{
    while let Err(error) = ask().await {
        match error {
            kube::Error::Api(status) if status.code < 500 && status.code != 429 => return,
            _ => tokio::time::sleep(RETRY).await,
        }
    }
}
