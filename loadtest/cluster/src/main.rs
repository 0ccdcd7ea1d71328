//! The command line of the test cluster.

#![forbid(unsafe_code)]

mod made;
mod run;
mod stop;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use portreeve_cluster::{Action, ClusterError, Control, Folder};

/// A Kubernetes control plane and a kubelet whose Pods are processes, in namespaces of their own.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// Set by this program when it has made its namespaces.
    #[arg(long, hide = true)]
    inside: bool,
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Start a cluster and forward ports to it, until Ctrl-C.
    Up(up::Up),
    /// Forward ports to a running cluster, until Ctrl-C.
    Forward(up::Forwards),
    /// Start a cluster, run a command in its namespace, stop the cluster: run -- CMD...
    Run(run::Run),
    /// Run a command in the namespace of a running cluster: exec -- CMD...
    Exec(run::Exec),
    /// End a component as a crash would, and wait until it is gone.
    Stop(Named),
    /// Start a component again, with the same data, and wait until it is ready.
    Start(Named),
    /// Stop a component's clock: it keeps its connections and answers nothing.
    Pause(Named),
    /// Let a paused component go on.
    Resume(Named),
    /// Make etcd forget everything but the present.
    Compact {
        #[command(flatten)]
        cluster: Dir,
    },
}

/// Which cluster.
#[derive(clap::Args)]
struct Dir {
    /// The cluster's folder; its place is known within `run` and `exec`, and that of `up` is fixed.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Dir {
    fn folder(&self) -> Folder {
        self.dir.as_ref().map_or_else(Folder::from_env, Folder::new)
    }
}

/// A component of a cluster.
#[derive(clap::Args)]
struct Named {
    /// Such as kube-apiserver, etcd, kube-controller-manager or pod/NAMESPACE/POD/CONTAINER.
    name: String,
    #[command(flatten)]
    cluster: Dir,
}

// One thread: what is started dies with the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.job {
        Job::Up(up) => up::up(up, cli.inside).await,
        Job::Forward(forwards) => up::forward(forwards).await,
        Job::Run(run) => run::run(run, cli.inside).await,
        Job::Exec(exec) => run::exec(exec),
        Job::Stop(it) => act(&it.cluster, Action::Stop(it.name)).await,
        Job::Start(it) => act(&it.cluster, Action::Start(it.name)).await,
        Job::Pause(it) => act(&it.cluster, Action::Pause(it.name)).await,
        Job::Resume(it) => act(&it.cluster, Action::Resume(it.name)).await,
        Job::Compact { cluster } => act(&cluster, Action::Compact).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("portreeve-cluster: {error}");
        ExitCode::FAILURE
    })
}

async fn act(cluster: &Dir, action: Action) -> Result<ExitCode, ClusterError> {
    Control::new(cluster.folder()).act(&action).await?;
    Ok(ExitCode::SUCCESS)
}
