//! The names of Services: a hosts file that every container has, in place of a DNS server.
//!
//! A name leads to the ready Pods of its Service, as that of a headless one does, because nothing
//! here implements the addresses that other Services have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::reflector::store;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::root::Mount;
use super::steady::Steady;
use crate::{ClusterError, Folder};

/// Where containers look.
const PLACE: &str = "/etc/hosts";

/// What a machine knows without asking anybody.
const ALWAYS: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n";

/// Keeps the file up to date as long as `tasks` run.
pub(crate) fn follow(
    client: &Client,
    folder: &Folder,
    tasks: &mut JoinSet<()>,
) -> Result<(), ClusterError> {
    let path = path(folder);
    fs::write(&path, ALWAYS).map_err(ClusterError::file(path.clone()))?;
    let (slices, writer) = store::<EndpointSlice>();
    let api: Api<EndpointSlice> = Api::all(client.clone());
    let events = watcher(api, watcher::Config::default()).backoff(Steady);
    let mut events = Box::pin(reflector(writer, events));
    tasks.spawn(async move {
        while events.next().await.is_some() {
            if let Err(error) = write(&path, &text(&slices.state())) {
                eprintln!("portreeve-cluster: {}: {error}", path.display());
            }
        }
    });
    Ok(())
}

/// What a container sees of it.
pub(crate) fn mount(folder: &Folder) -> Mount {
    Mount {
        at: PLACE.into(),
        source: path(folder),
        read_only: true,
    }
}

fn path(folder: &Folder) -> PathBuf {
    folder.pods().join("hosts")
}

/// Containers have this very file, so it cannot be replaced: a reader may see it before its end is
/// cut, but never without its beginning.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(u64::try_from(text.len()).unwrap_or_default())
}

fn text(slices: &[Arc<EndpointSlice>]) -> String {
    let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for slice in slices {
        let labels = slice.metadata.labels.as_ref();
        let service = labels.and_then(|all| all.get("kubernetes.io/service-name"));
        let (Some(service), Some(namespace)) = (service, &slice.metadata.namespace) else {
            continue;
        };
        let endpoints = slice.endpoints.iter().flatten();
        let ready = endpoints.filter(|endpoint| {
            let conditions = endpoint.conditions.as_ref();
            conditions.and_then(|it| it.ready) != Some(false)
        });
        let addresses = ready.filter_map(|endpoint| Some(endpoint.addresses.first()?.as_str()));
        let known = names.entry(format!("{service}.{namespace}")).or_default();
        known.extend(addresses);
    }
    let lines = names.iter().flat_map(|(name, addresses)| {
        let line = move |address| format!("{address} {name}.svc.cluster.local {name}.svc {name}\n");
        addresses.iter().map(line)
    });
    ALWAYS.to_owned() + &lines.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slice(service: &str, endpoints: serde_json::Value) -> Arc<EndpointSlice> {
        let slice = json!({
            "metadata": {
                "namespace": "shop",
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
        });
        Arc::new(serde_json::from_value(slice).unwrap())
    }

    #[test]
    fn a_name_leads_to_every_ready_pod_of_its_service() {
        let endpoints = json!([
            {"addresses": ["10.0.0.2"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": false}},
            {"addresses": ["10.0.0.1"]},
        ]);
        let text = text(&[slice("web", endpoints), slice("none", json!([]))]);
        let lines: Vec<_> = text.lines().skip(2).collect();
        let names = "web.shop.svc.cluster.local web.shop.svc web.shop";
        let expected = ["10.0.0.1", "10.0.0.2"].map(|ip| format!("{ip} {names}"));
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_shorter_text_leaves_nothing_of_a_longer_one() {
        let folder = Folder::temporary().unwrap();
        let file = folder.path().join("hosts");
        fs::write(&file, "something longer\n").unwrap();
        write(&file, "short\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "short\n");
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
