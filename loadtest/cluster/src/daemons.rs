//! The components of the control plane as processes that can be ended and started again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;

use crate::process::{Process, Registry};
use crate::{ClusterError, Folder};

/// How long a component may take to become ready. It takes 3 s when the machine has nothing else
/// to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// The components of a cluster, by name.
#[derive(Clone, Debug)]
pub(crate) struct Daemons {
    folder: Folder,
    registry: Registry,
    known: Arc<Mutex<BTreeMap<String, Daemon>>>,
}

/// One component: how it is started, and its process.
#[derive(Clone, Debug)]
struct Daemon {
    command: Vec<OsString>,
    process: Process,
}

impl Daemons {
    pub(crate) fn new(folder: &Folder, registry: &Registry) -> Self {
        Self {
            folder: folder.clone(),
            registry: registry.clone(),
            known: Arc::default(),
        }
    }

    /// Starts a component. It dies with this process, however that ends.
    pub(crate) fn start(&self, name: &str, command: Vec<OsString>) -> Result<(), ClusterError> {
        let mut mortal = Command::new("setpriv");
        mortal.args(["--pdeathsig", "KILL", "--"]).args(&command);
        let log = self.folder.log(name);
        let process = Process::start(name, &mut mortal, &log, &self.registry)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.into(), Daemon { command, process });
        Ok(())
    }

    /// Starts a component again that has ended, as it was.
    pub(crate) fn start_again(&self, name: &str) -> Result<(), ClusterError> {
        let daemon = self.daemon(name)?;
        if daemon.process.status().is_none() {
            return Err(ClusterError::State(format!("{name} runs; stop it first")));
        }
        self.start(name, daemon.command)
    }

    /// Ends a component as a crash would, and waits until it is gone.
    pub(crate) async fn stop(&self, name: &str) -> Result<(), ClusterError> {
        self.daemon(name)?.process.kill().await;
        Ok(())
    }

    /// Whether there is a component of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.daemon(name).is_ok()
    }

    /// Waits for `ready`, as long as the component lives.
    pub(crate) async fn wait<T>(
        &self,
        name: &str,
        ready: impl Future<Output = T>,
    ) -> Result<T, ClusterError> {
        let process = self.daemon(name)?.process;
        tokio::select! {
            ready = ready => Ok(ready),
            _ = process.ended() => Err(self.ended(name)),
            () = tokio::time::sleep(PATIENCE) => Err(self.late(name)),
        }
    }

    fn late(&self, name: &str) -> ClusterError {
        ClusterError::Late {
            what: name.into(),
            seconds: PATIENCE.as_secs(),
            logs: self.folder.logs(),
        }
    }

    fn ended(&self, name: &str) -> ClusterError {
        let log = self.folder.log(name);
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(10));
        ClusterError::Ended {
            name: name.into(),
            log,
            last: last.copied().collect::<Vec<_>>().join("\n"),
        }
    }

    fn daemon(&self, name: &str) -> Result<Daemon, ClusterError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || ClusterError::Unknown {
            name: name.into(),
            known: known.keys().cloned().collect::<Vec<_>>().join(", "),
        };
        known.get(name).cloned().ok_or_else(unknown)
    }
}
