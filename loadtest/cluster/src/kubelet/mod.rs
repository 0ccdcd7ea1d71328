//! The kubelet of a cluster whose one Node runs Pods as processes; and its scheduler, which has no
//! choice.
//!
//! It must never stop because of one Pod: what cannot run says why in its status.

mod atomic;
mod container;
mod env;
mod fields;
mod health;
mod images;
mod known;
mod launch;
mod logs;
mod names;
mod node;
mod objects;
mod pod;
mod pods;
mod probe;
mod root;
mod sandbox;
mod source;
mod status;
mod steady;
mod token;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::process::Command;
use tokio::task::JoinSet;

pub use images::{Image, Images};

use crate::pki::Pki;
use crate::process::Registry;
use crate::{ClusterError, Folder, namespace};
use objects::Objects;
use pods::Pods;

/// How long to wait before the API server is asked again that could not be reached.
const RETRY: Duration = Duration::from_millis(100);

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
    names::follow(client, folder, &mut tasks)?;
    let shared = Shared {
        client: client.clone(),
        folder: folder.clone(),
        registry: registry.clone(),
        images: Arc::new(images),
        objects: Objects::watch(client, &mut tasks),
    };
    Ok(Pods::new(shared, tasks).run())
}

/// Takes away what the kubelet mounted, so that its folder can be removed within the namespace.
pub(crate) async fn put_away(folder: &Folder) {
    let mut umount = Command::new("umount");
    umount.arg("--lazy").arg(folder.pods());
    // It may have failed before it was mounted.
    let _ = namespace::feed(&mut umount, "").await;
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
