//! The cluster, and how to wait for what happens in it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, LogParams};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::time::{interval, timeout};

/// Where we are.
pub(crate) const NAMESPACE: &str = "portreeve";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often is asked what nothing tells of.
const ASK: Duration = Duration::from_millis(20);

/// An object that is watched in a namespace.
pub(crate) trait Object:
    kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

pub(crate) struct Place {
    pub(crate) client: Client,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let client = Client::try_default().await.unwrap();
        Self { client }
    }

    /// Objects of our namespace.
    pub(crate) fn ours<K: Object>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// What kubectl does, from the root of the repository.
    pub(crate) fn kubectl(&self, arguments: &[&str]) {
        let (is_done, said) = self.kubectl_says(arguments);
        assert!(is_done, "kubectl {arguments:?}: {said}");
        // Manifests that the Pod Security Standard would not let in are only warned of at first.
        assert!(!said.contains("Warning"), "kubectl {arguments:?}: {said}");
    }

    /// Whether kubectl does it, and what it says.
    pub(crate) fn kubectl_says(&self, arguments: &[&str]) -> (bool, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let done = Command::new("kubectl")
            .args(arguments)
            .current_dir(root)
            .output();
        let done = done.unwrap();
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (done.status.success(), said)
    }

    /// Applies `deploy` with one of its components.
    pub(crate) fn apply_with(&self, component: &str) {
        self.kubectl(&["apply", "-k", &folder_with(component)]);
    }

    /// `deploy` with one of its components, as it would be applied.
    pub(crate) fn render_with(&self, component: &str) -> (bool, String) {
        self.kubectl_says(&["kustomize", &folder_with(component)])
    }

    /// What the Pods of a component have said.
    pub(crate) async fn logs(&self, component: &str) -> Vec<String> {
        let (pods, mut logs) = (self.ours::<Pod>(), Vec::new());
        let label = format!("app.kubernetes.io/component={component}");
        let found = pods.list(&ListParams::default().labels(&label)).await;
        for pod in found.unwrap() {
            let name = pod.metadata.name.unwrap();
            let log = asked("a log", || async {
                let log = pods.logs(&name, &LogParams::default()).await;
                log.map_err(|error| error.to_string())
            });
            logs.push(log.await);
        }
        logs
    }
    /// Watches an object until it is as it should be.
    pub(crate) async fn until<K: Object, T>(
        &self,
        api: Api<K>,
        name: &str,
        seen: impl Fn(&K) -> Option<T>,
    ) -> T {
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let seen = |all: &[Arc<K>]| all.iter().find_map(|object| seen(object));
        self.until_all(api, only, seen).await
    }

    /// Watches objects until one is as it should be.
    pub(crate) async fn until_any<K: Object, T>(
        &self,
        api: Api<K>,
        seen: impl Fn(&K) -> Option<T>,
    ) -> T {
        let seen = |all: &[Arc<K>]| all.iter().find_map(|object| seen(object));
        self.until_all(api, watcher::Config::default(), seen).await
    }

    /// Watches the Pods of a component until so many are ready, and no others there.
    pub(crate) async fn until_pods(&self, component: &str, number: usize) -> Vec<Arc<Pod>> {
        let label = format!("app.kubernetes.io/component={component}");
        let only = watcher::Config::default().labels(&label);
        let seen = |pods: &[Arc<Pod>]| {
            let all = pods.len() == number && pods.iter().all(|pod| is_ready(pod));
            all.then(|| pods.to_vec())
        };
        self.until_all(self.ours::<Pod>(), only, seen).await
    }

    async fn until_all<K: Object, T>(
        &self,
        api: Api<K>,
        only: watcher::Config,
        seen: impl Fn(&[Arc<K>]) -> Option<T>,
    ) -> T {
        let (store, writer) = reflector::store();
        let mut events = Box::pin(reflector(writer, watcher(api, only).default_backoff()));
        let found = async {
            loop {
                events.next().await;
                // Until a list is complete, the store has what it had before.
                let is_ready = store.wait_until_ready().now_or_never().is_some();
                if let Some(found) = seen(&store.state()).filter(|_| is_ready) {
                    return found;
                }
            }
        };
        let late = |_| panic!("not within {PATIENCE:?}: {:#?}", store.state());
        timeout(PATIENCE, found).await.unwrap_or_else(late)
    }
}

/// Asks again and again until it is so: nothing tells of it.
pub(crate) async fn asked<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let mut last = String::new();
    let found = async {
        let mut pause = interval(ASK);
        loop {
            pause.tick().await;
            match ask().await {
                Ok(found) => return found,
                Err(other) => last = other,
            }
        }
    };
    match timeout(PATIENCE, found).await {
        Ok(found) => found,
        Err(_) => panic!("{what}: not within {PATIENCE:?}; last: {last}"),
    }
}

/// A folder with `deploy` and one of its components.
fn folder_with(component: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deployed");
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let deploy = deploy.canonicalize().unwrap();
    // Only what is named from where one stands is taken.
    let up = "../".repeat(folder.components().count() - 1);
    let deploy = format!("{up}{}", deploy.strip_prefix("/").unwrap().display());
    let text = format!("resources: [{deploy}]\ncomponents: [{deploy}/{component}]\n");
    std::fs::write(folder.join("kustomization.yaml"), text).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// The process of a Pod's container, which is called as its component is, while it runs.
pub(crate) fn process(pod: &Pod, component: &str) -> Option<PathBuf> {
    let name = pod.metadata.name.as_deref().unwrap();
    let process = format!("pod/{NAMESPACE}/{name}/{component}");
    let folder = std::env::var_os("PORTREEVE_CLUSTER").unwrap();
    let pids = std::fs::read_to_string(Path::new(&folder).join("pids")).unwrap();
    let mut lines = pids.lines().filter_map(|line| line.split_once(' '));
    let (_, pid) = lines.find(|(name, _)| *name == process)?;
    Some(Path::new("/proc").join(pid))
}

/// What a Pod's process was told by its environment; nothing when it has ended.
pub(crate) fn environment(pod: &Pod, component: &str) -> Vec<String> {
    let file = process(pod, component).map(|process| process.join("environ"));
    let bytes = file.and_then(|file| std::fs::read(file).ok());
    let bytes = bytes.unwrap_or_default();
    let variables = bytes.split(|byte| *byte == 0);
    variables
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect()
}

/// The address of a Pod.
pub(crate) fn ip(pod: &Pod) -> String {
    pod.status.as_ref().unwrap().pod_ip.clone().unwrap()
}

fn is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let mut conditions = status
        .into_iter()
        .flat_map(|it| it.conditions.iter().flatten());
    conditions.any(|it| it.type_ == "Ready" && it.status == "True")
}
