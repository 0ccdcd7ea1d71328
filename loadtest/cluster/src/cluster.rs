//! A running cluster: what starts it, obeys its control socket, and ends everything it started.

use std::path::PathBuf;

use kube::Client;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::control_plane::{self, API_SERVER};
use crate::daemons::Daemons;
use crate::pki::Pki;
use crate::process::{Registry, Signal, signal_group};
use crate::{Action, Assets, ClusterError, Folder, etcd, namespace};

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps everything.
    pub folder: Folder,
    /// Where its programs are.
    pub assets: Assets,
    /// More flags for the API server.
    pub api_server: Vec<String>,
}

/// A running cluster. It ends with [`Cluster::stop`], or at the latest with the thread that
/// started it.
pub struct Cluster {
    folder: Folder,
    client: Client,
    daemons: Daemons,
    control: JoinHandle<()>,
}

impl Cluster {
    /// Starts a cluster in the namespaces that this process runs in, which must be its own (see
    /// [`namespace::within`]), and returns when Pods can be made.
    pub async fn start(options: &Options) -> Result<Self, ClusterError> {
        let folder = options.folder.clone();
        folder.prepare()?;
        namespace::set_up().await?;
        let registry = Registry::new(&folder);
        let daemons = Daemons::new(&folder, &registry);
        let started = start(options, &folder, &registry, &daemons).await;
        if started.is_err() {
            daemons.stop_all().await;
            folder.put_away();
        }
        let (client, control) = started?;
        Ok(Self {
            folder,
            client,
            daemons,
            control,
        })
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
        self.control.abort();
        self.daemons.stop_all().await;
        self.folder.put_away();
    }
}

async fn start(
    options: &Options,
    folder: &Folder,
    registry: &Registry,
    daemons: &Daemons,
) -> Result<(Client, JoinHandle<()>), ClusterError> {
    let pki = Pki::make(folder)?;
    pki.write_kubeconfig(&folder.kubeconfig(), &format!("{}:6443", namespace::HOST))?;
    let (assets, more) = (&options.assets, &options.api_server);
    let client = control_plane::start(folder, assets, &pki, more, daemons).await?;
    let socket = folder.control_socket();
    let listener = UnixListener::bind(&socket).map_err(ClusterError::file(socket))?;
    let obeying = Obeying {
        client: client.clone(),
        daemons: daemons.clone(),
        registry: registry.clone(),
    };
    Ok((client, tokio::spawn(obeying.accept(listener))))
}

/// The other end of [`crate::Control`].
#[derive(Clone)]
struct Obeying {
    client: Client,
    daemons: Daemons,
    registry: Registry,
}

impl Obeying {
    async fn accept(self, listener: UnixListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().answer(stream));
        }
    }

    async fn answer(self, stream: UnixStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if stream.read_line(&mut line).await.is_err() {
            return;
        }
        let answer = match Action::read(line.trim_end()) {
            Some(action) => self.act(action).await,
            None => Err(ClusterError::State(format!("{line:?} is not known"))),
        };
        let answer = answer.map_or_else(|error| error.to_string(), |()| "ok".into());
        let line = answer.replace('\n', " ") + "\n";
        // Whoever asked may be gone.
        let _ = stream.write_all(line.as_bytes()).await;
    }

    async fn act(&self, action: Action) -> Result<(), ClusterError> {
        match action {
            Action::Stop(name) if self.daemons.has(&name) => self.daemons.stop(&name).await,
            Action::Stop(name) => self.signal(&name, Signal::Kill).await,
            Action::Pause(name) => self.signal(&name, Signal::Stop).await,
            Action::Resume(name) => self.signal(&name, Signal::Continue).await,
            Action::Start(name) => self.start(&name).await,
            Action::Compact => etcd::compact().await,
        }
    }

    async fn start(&self, name: &str) -> Result<(), ClusterError> {
        self.daemons.start_again(name)?;
        if name == API_SERVER {
            control_plane::ready(&self.client, &self.daemons).await?;
        }
        Ok(())
    }

    async fn signal(&self, name: &str, signal: Signal) -> Result<(), ClusterError> {
        let unknown = || ClusterError::Unknown {
            name: name.into(),
            known: self.registry.names().join(", "),
        };
        let pid = self.registry.pid(name).filter(|_| name != "cluster");
        signal_group(pid.ok_or_else(unknown)?, signal).await;
        Ok(())
    }
}
