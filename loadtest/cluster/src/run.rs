//! `run` and `exec`: a command in the namespaces of a new cluster, or of one that runs.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitCode, ExitStatus};

use portreeve_cluster::{Assets, Cluster, ClusterError, Folder, entering};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::Dir;
use crate::made::{Made, again};

/// The arguments of `run`.
#[derive(clap::Args)]
pub(crate) struct Run {
    #[command(flatten)]
    made: Made,

    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The arguments of `exec`.
#[derive(clap::Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    cluster: Dir,

    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Starts a cluster, runs a command in it, and stops it; the exit code is the command's.
pub(crate) async fn run(run: Run, inside: bool) -> Result<ExitCode, ClusterError> {
    if !inside {
        // It returns only if it fails.
        let source = again()?.as_std_mut().exec();
        let program = "unshare".into();
        return Err(ClusterError::Program { program, source });
    }
    let own = run.made.cluster.dir.is_none();
    let folder = run.made.cluster.dir.as_ref().map(Folder::new);
    let folder = folder.map_or_else(Folder::temporary, Ok)?;
    let cluster = Cluster::start(&run.made.options(&folder)).await;
    let cluster = cluster.inspect_err(|_| keep(&folder))?;
    let status = command(&run.command, &folder).await;
    cluster.stop().await;
    let status = status?;
    if status.success() && own {
        let _ = fs::remove_dir_all(folder.path());
    } else if !status.success() {
        keep(&folder);
    }
    Ok(code(status))
}

fn keep(folder: &Folder) {
    eprintln!(
        "portreeve-cluster: the logs are in {}/log",
        folder.path().display()
    );
}

/// Runs a command until it ends. A signal to this process is one to the command.
async fn command(words: &[OsString], folder: &Folder) -> Result<ExitStatus, ClusterError> {
    let name = words.first().cloned().unwrap_or_default();
    let mut command = Command::new(&name);
    command.args(words.iter().skip(1));
    command.env("KUBECONFIG", folder.kubeconfig());
    command.env("PORTREEVE_CLUSTER", folder.path());
    command.env("PATH", Assets::from_env().search_path());
    let failed = |source| ClusterError::Program {
        program: name.to_string_lossy().into_owned(),
        source,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    // The terminal sends this one to the command itself.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut child = command.spawn().map_err(failed)?;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(failed),
            _ = terminate.recv() => end(&child).await,
            _ = interrupt.recv() => {}
        }
    }
}

async fn end(child: &Child) {
    if let Some(pid) = child.id() {
        let _ = Command::new("kill").arg(pid.to_string()).status().await;
    }
}

/// As a shell says it: what a signal ended has 128 and its number.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Becomes a command in the namespace of a running cluster.
pub(crate) fn exec(exec: Exec) -> Result<ExitCode, ClusterError> {
    let mut command = entering(&exec.cluster.folder())?;
    command
        .args(exec.command)
        .env("PATH", Assets::from_env().search_path());
    let source = command.as_std_mut().exec();
    Err(ClusterError::Program {
        program: "nsenter".into(),
        source,
    })
}
