//! `up`: a cluster to try things with, whose API server and Services are ports of this machine.
//!
//! The outer process forwards; the inner one, in the namespaces, is the cluster. The pipe between
//! them ends the inner one however the outer one ends.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::time::Instant;
use std::{io, thread};

use portreeve_cluster::{Assets, Bound, Cluster, ClusterError, Control, Folder, Forward, HOST};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Dir;
use crate::made::{Made, again};
use crate::stop::Stop;

/// The arguments of `up`.
#[derive(clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    made: Made,

    /// Let a port of this machine lead to TARGET: NAMESPACE/SERVICE:PORT for its ready endpoints,
    /// load-balancer:PORT for any Service of that type, or ADDRESS:PORT. May be given several times.
    #[arg(long, value_name = "[ADDRESS:]PORT=TARGET")]
    forward: Vec<Forward>,
}

/// The arguments of `forward`.
#[derive(clap::Args)]
pub(crate) struct Forwards {
    #[command(flatten)]
    cluster: Dir,

    /// Which port leads where, as for `up`.
    #[arg(value_name = "[ADDRESS:]PORT=TARGET", required = true)]
    forward: Vec<Forward>,
}

/// Runs a cluster until a signal ends it.
pub(crate) async fn up(up: Up, inside: bool) -> Result<ExitCode, ClusterError> {
    let folder = up.made.cluster.folder();
    if inside {
        return hold(&up, &folder).await;
    }
    let begun = Instant::now();
    let mut stop = Stop::new()?;
    // Ports first: one that is taken is said before anything has been started.
    let api = Forward {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        target: format!("{HOST}:6443")
            .parse()
            .map_err(ClusterError::State)?,
    };
    let api = api.bind().await?;
    let bound = bind(up.forward).await?;
    let mut inner = inner(&folder)?;
    // Waiting for a child closes its pipe if it still has it.
    let pipe = inner.stdin.take();
    let ready = tokio::select! {
        ready = is_ready(&mut inner) => ready,
        () = stop.asked() => false,
    };
    let mut code = ExitCode::FAILURE;
    if ready {
        folder.write_outside_kubeconfig(api.address())?;
        explain(&folder, &bound, begun);
        let mut forwards = serve(bound, &folder);
        forwards.spawn(api.serve(Control::new(folder)));
        tokio::select! {
            _ = inner.wait() => {}
            () = stop.asked() => code = ExitCode::SUCCESS,
        }
    }
    drop(pipe);
    // It says itself what goes wrong.
    let _ = inner.wait().await;
    Ok(code)
}

/// Forwards ports to a running cluster until a signal ends it.
pub(crate) async fn forward(it: Forwards) -> Result<ExitCode, ClusterError> {
    let mut stop = Stop::new()?;
    let _forwards = serve(bind(it.forward).await?, &it.cluster.folder());
    stop.asked().await;
    Ok(ExitCode::SUCCESS)
}

async fn bind(forwards: Vec<Forward>) -> Result<Vec<Bound>, ClusterError> {
    let mut bound = Vec::new();
    for forward in forwards {
        bound.push(forward.bind().await?);
    }
    Ok(bound)
}

fn serve(bound: Vec<Bound>, folder: &Folder) -> JoinSet<()> {
    let control = Control::new(folder.clone());
    bound
        .into_iter()
        .map(|bound| bound.serve(control.clone()))
        .collect()
}

fn inner(folder: &Folder) -> Result<Child, ClusterError> {
    let mut command = again()?;
    command.env("PORTREEVE_CLUSTER", folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let program = "unshare".to_owned();
    command
        .spawn()
        .map_err(|source| ClusterError::Program { program, source })
}

/// The inner process says one line when the cluster is there.
async fn is_ready(inner: &mut Child) -> bool {
    let mut line = String::new();
    match inner.stdout.take() {
        Some(out) => BufReader::new(out).read_line(&mut line).await.is_ok() && !line.is_empty(),
        None => false,
    }
}

/// The inner process: the cluster, as long as the outer one holds the pipe.
async fn hold(up: &Up, folder: &Folder) -> Result<ExitCode, ClusterError> {
    let mut stop = Stop::new()?;
    let (end, ended) = oneshot::channel::<()>();
    // A thread of its own, which does not keep the process from ending.
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let cluster = Cluster::start(&up.made.options(folder)).await?;
    println!("ready");
    tokio::select! {
        _ = ended => {}
        () = stop.asked() => {}
    }
    cluster.stop().await;
    Ok(ExitCode::SUCCESS)
}

fn explain(folder: &Folder, bound: &[Bound], begun: Instant) {
    let programs = Assets::from_env().programs();
    let path: String = programs
        .iter()
        .map(|folder| format!("{}:", folder.display()))
        .collect();
    println!(
        "== ready after {:.1} s; in another terminal:",
        begun.elapsed().as_secs_f32()
    );
    println!(
        "    export KUBECONFIG={} PATH={path}$PATH",
        folder.outside_kubeconfig().display()
    );
    println!("    kubectl get nodes");
    for bound in bound {
        if let Some(address) = bound.address() {
            println!("== {address} leads to {}", bound.target());
        }
    }
    println!("== logs are in {}/log", folder.path().display());
    println!("== Ctrl-C stops everything");
}
