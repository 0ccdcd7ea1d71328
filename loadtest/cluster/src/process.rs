//! A process of the cluster: a group of its own, a log, and an end that can be waited for.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::{ClusterError, Folder};

/// This process, among the names of those it started.
const OWN: &str = "cluster";

/// How long processes may take to be gone that were killed.
const LAST: Duration = Duration::from_secs(5);

/// A signal, by the name that `kill` has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Continue,
    Kill,
    Stop,
    Terminate,
}

impl Signal {
    fn argument(self) -> &'static str {
        match self {
            Self::Continue => "-CONT",
            Self::Kill => "-KILL",
            Self::Stop => "-STOP",
            Self::Terminate => "-TERM",
        }
    }
}

/// What runs, as the cluster's file of process ids shows it.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    folder: Folder,
    pids: watch::Sender<BTreeMap<String, u32>>,
}

impl Registry {
    /// The registry of a folder, with this process in it as the cluster's.
    pub(crate) fn new(folder: &Folder) -> Self {
        let registry = Self {
            folder: folder.clone(),
            pids: watch::Sender::default(),
        };
        registry.change(|pids| {
            pids.insert(OWN.into(), std::process::id());
        });
        registry
    }

    /// The process id behind a name.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        self.pids
            .borrow()
            .get(name)
            .copied()
            .filter(|_| name != OWN)
    }

    /// The names of everything that runs.
    pub(crate) fn names(&self) -> Vec<String> {
        let pids = self.pids.borrow();
        pids.keys().filter(|name| *name != OWN).cloned().collect()
    }

    /// Ends everything at once, and waits until it is gone.
    pub(crate) async fn end_all(&self) {
        let groups: Vec<_> = self
            .pids
            .borrow()
            .iter()
            .filter(|(name, _)| *name != OWN)
            .map(|(_, pid)| format!("-{pid}"))
            .collect();
        signal(&groups, Signal::Kill).await;
        let mut pids = self.pids.subscribe();
        // What does not end now waits for a device: it has been told, and will.
        let _ = timeout(
            LAST,
            pids.wait_for(|pids| pids.keys().all(|name| name == OWN)),
        )
        .await;
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, u32>)) {
        self.pids.send_modify(change);
        let pids = self.pids.borrow();
        let lines: String = pids
            .iter()
            .map(|(name, pid)| format!("{name} {pid}\n"))
            .collect();
        // Renamed, so that a reader never sees half of it. The folder may be gone at the end.
        let (file, new) = (self.folder.pids(), self.folder.path().join("pids.new"));
        let _ = fs::write(&new, lines).and_then(|()| fs::rename(new, file));
    }
}

/// A process that was started. It ends with the thread that started it, whatever happens to that.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pid: u32,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl Process {
    /// Starts `command` under this name, with both outputs appended to `log`.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        registry: &Registry,
    ) -> Result<Self, ClusterError> {
        let file = OpenOptions::new().append(true).create(true).open(log);
        let file = file.map_err(ClusterError::file(log))?;
        let both = file.try_clone().map_err(ClusterError::file(log))?;
        command.stdin(Stdio::null()).stdout(file).stderr(both);
        let program = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let started = command.process_group(0).spawn();
        let child = started.map_err(ClusterError::program(program))?;
        Ok(Self::adopt(name, child, registry))
    }

    /// Takes over a child that leads a group of its own.
    pub(crate) fn adopt(name: &str, child: Child, registry: &Registry) -> Self {
        let pid = child.id().unwrap_or_default();
        registry.change(|pids| {
            pids.insert(name.into(), pid);
        });
        let (end, ended) = watch::channel(None);
        tokio::spawn(wait(child, name.to_owned(), registry.clone(), end));
        Self { pid, ended }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it did.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await;
        status.ok().and_then(|status| *status)
    }

    /// Asks it to end.
    pub(crate) async fn terminate(&self) {
        if self.status().is_none() && self.pid != 0 {
            signal(&[self.pid.to_string()], Signal::Terminate).await;
        }
    }

    /// Ends it and what it started at once, and waits until it is gone.
    pub(crate) async fn kill(&self) {
        if self.status().is_none() && self.pid != 0 {
            signal_group(self.pid, Signal::Kill).await;
        }
        self.ended().await;
    }
}

async fn wait(
    mut child: Child,
    name: String,
    registry: Registry,
    end: watch::Sender<Option<ExitStatus>>,
) {
    let pid = child.id();
    let status = child.wait().await.unwrap_or_default();
    // One of the same name may have been started in the meantime.
    registry.change(|pids| {
        if pids.get(&name).copied() == pid {
            pids.remove(&name);
        }
    });
    end.send_replace(Some(status));
}

/// Sends a signal to a group of processes; that it is gone is no error.
pub(crate) async fn signal_group(group: u32, which: Signal) {
    signal(&[format!("-{group}")], which).await;
}

async fn signal(targets: &[String], signal: Signal) {
    let mut kill = Command::new("kill");
    kill.args([signal.argument(), "--"]).args(targets);
    kill.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _ = kill.status().await;
}
