//! The other end of [`crate::Control`]: a cluster that does what it is told, and connects whoever
//! asks for it.

use kube::Client;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::control_plane::{self, API_SERVER};
use crate::daemons::Daemons;
use crate::process::{Registry, Signal, signal_group};
use crate::{Action, ClusterError, Target, etcd};

/// What it takes to obey.
#[derive(Clone)]
pub(crate) struct Obeying {
    pub(crate) client: Client,
    pub(crate) daemons: Daemons,
    pub(crate) registry: Registry,
}

impl Obeying {
    /// Answers whoever connects, for ever.
    pub(crate) async fn accept(self, listener: UnixListener) {
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
        let line = line.trim_end();
        let answer = match (line.strip_prefix("dial "), Action::read(line)) {
            (Some(target), _) => self.dial(target).await.map(Some),
            (None, Some(action)) => self.act(action).await.map(|()| None),
            (None, None) => Err(ClusterError::State(format!("{line:?} is not known"))),
        };
        let said = match &answer {
            Ok(_) => "ok".into(),
            Err(error) => error.to_string().replace('\n', " "),
        };
        // Whoever asked may be gone.
        let sent = stream.write_all(format!("{said}\n").as_bytes()).await;
        if let (Ok(Some(mut inner)), Ok(())) = (answer, sent) {
            let _ = copy_bidirectional(&mut stream, &mut inner).await;
        }
    }

    async fn dial(&self, target: &str) -> Result<TcpStream, ClusterError> {
        let target: Target = target.parse().map_err(ClusterError::State)?;
        target.connect(&self.client).await
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
        let pid = self.registry.pid(name);
        signal_group(pid.ok_or_else(unknown)?, signal).await;
        Ok(())
    }
}
