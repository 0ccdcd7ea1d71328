//! A running cluster: what starts it, obeys its control socket, and ends everything it started.

use std::path::PathBuf;

use kube::Client;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

use crate::daemons::Daemons;
use crate::obeying::Obeying;
use crate::pki::Pki;
use crate::process::Registry;
use crate::{Assets, ClusterError, Folder, Images, control_plane, kubelet, namespace};

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps everything.
    pub folder: Folder,
    /// Where its programs are.
    pub assets: Assets,
    /// More flags for the API server.
    pub api_server: Vec<String>,
    /// What runs for the images of Pods.
    pub images: Images,
}

/// A running cluster. It ends with [`Cluster::stop`], or at the latest with the thread that
/// started it.
pub struct Cluster {
    folder: Folder,
    client: Client,
    registry: Registry,
    tasks: JoinSet<()>,
}

impl Cluster {
    /// Starts a cluster in the namespaces that this process runs in, which must be its own (see
    /// [`namespace::within`]), and returns when Pods can be made.
    pub async fn start(options: &Options) -> Result<Self, ClusterError> {
        let folder = options.folder.clone();
        folder.prepare()?;
        namespace::set_up().await?;
        let mut cluster = Starting {
            registry: Registry::new(&folder),
            tasks: JoinSet::new(),
        };
        let started = cluster.start(options).await;
        let Starting { registry, tasks } = cluster;
        match started {
            Ok(client) => Ok(Self {
                folder,
                client,
                registry,
                tasks,
            }),
            Err(error) => {
                stop(&folder, &registry, tasks).await;
                Err(error)
            }
        }
    }

    /// The kubeconfig of its administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.kubeconfig()
    }

    /// A client with the administrator's rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ends everything it started.
    pub async fn stop(self) {
        stop(&self.folder, &self.registry, self.tasks).await;
    }
}

/// First whoever would start something again, then what runs.
async fn stop(folder: &Folder, registry: &Registry, mut tasks: JoinSet<()>) {
    tasks.shutdown().await;
    registry.end_all().await;
    kubelet::put_away(folder).await;
    folder.put_away();
}

/// What there is to stop of a cluster that may not be complete.
struct Starting {
    registry: Registry,
    tasks: JoinSet<()>,
}

impl Starting {
    async fn start(&mut self, options: &Options) -> Result<Client, ClusterError> {
        let (folder, assets) = (&options.folder, &options.assets);
        let pki = Pki::make(folder)?;
        pki.write_kubeconfig(&folder.kubeconfig(), &format!("{}:6443", namespace::HOST))?;
        let daemons = Daemons::new(folder, &self.registry);
        let more = &options.api_server;
        let client = control_plane::start(folder, assets, &pki, more, &daemons).await?;
        let (registry, images) = (&self.registry, options.images.clone());
        let kubelet = kubelet::start(&client, folder, &pki, registry, images);
        self.tasks.spawn(kubelet.await?);
        let socket = folder.control_socket();
        let listener = UnixListener::bind(&socket).map_err(ClusterError::file(socket))?;
        let obeying = Obeying {
            client: client.clone(),
            daemons,
            registry: self.registry.clone(),
        };
        self.tasks.spawn(obeying.accept(listener));
        Ok(client)
    }
}
