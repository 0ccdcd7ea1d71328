//! The Secrets and ConfigMaps of the cluster, watched, since Pods mount and name them.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::steady::Steady;

/// The data of a Secret or a ConfigMap.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// Where data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

/// What is known of the cluster's Secrets and ConfigMaps.
#[derive(Clone)]
pub(crate) struct Objects {
    secrets: Store<Secret>,
    config_maps: Store<ConfigMap>,
    changes: watch::Receiver<()>,
}

impl Objects {
    /// Watches them as long as `tasks` run.
    pub(crate) fn watch(client: &Client, tasks: &mut JoinSet<()>) -> Self {
        let (sender, changes) = watch::channel(());
        Self {
            secrets: follow(client, sender.clone(), tasks),
            config_maps: follow(client, sender, tasks),
            changes,
        }
    }

    /// The data of an object, if there is such an object.
    pub(crate) fn data(&self, kind: Kind, namespace: &str, name: &str) -> Option<Data> {
        match kind {
            Kind::Secret => {
                let secret = self.secrets.get(&ObjectRef::new(name).within(namespace))?;
                let data = secret.data.iter().flatten();
                Some(
                    data.map(|(key, value)| (key.clone(), value.0.clone()))
                        .collect(),
                )
            }
            Kind::ConfigMap => {
                let map = self
                    .config_maps
                    .get(&ObjectRef::new(name).within(namespace))?;
                let text = map.data.iter().flatten();
                let text = text.map(|(key, value)| (key.clone(), value.clone().into_bytes()));
                let binary = map.binary_data.iter().flatten();
                Some(
                    text.chain(binary.map(|(key, value)| (key.clone(), value.0.clone())))
                        .collect(),
                )
            }
        }
    }

    /// Tells of every change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        let mut changes = self.changes.clone();
        changes.mark_unchanged();
        changes
    }
}

fn follow<K>(client: &Client, changed: watch::Sender<()>, tasks: &mut JoinSet<()>) -> Store<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (reader, writer) = store();
    let events = watcher(Api::<K>::all(client.clone()), watcher::Config::default());
    let mut events = Box::pin(reflector(writer, events.backoff(Steady)));
    tasks.spawn(async move {
        while events.next().await.is_some() {
            changed.send_replace(());
        }
    });
    reader
}
