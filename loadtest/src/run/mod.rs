//! A small load generator: HTTP/1.1, HTTP/2, gRPC and WebSocket, bounded in count and in time.
//!
//! Whatever happens to a request is counted under a name and never ends the run: a proxy is
//! tried while it restarts, reloads and refuses. It follows no redirects and repeats nothing,
//! because both would hide what the proxy did.

mod client;
mod dial;
mod failure;
mod grpc;
mod load;
mod options;
mod plan;
mod report;
mod running;
mod talk;
mod tally;
mod trust;
mod websocket;

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use crate::cpu;

pub use options::{Options, OptionsError};
pub use report::{Output, Report};
pub use running::Running;
pub use talk::{TalkOptions, talk};

/// Why a run could not be made, or was in vain.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The options do not make sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The process whose CPU time is wanted cannot be read.
    #[error(transparent)]
    Cpu(#[from] cpu::CpuError),
    /// There is no room for the latencies.
    #[error("cannot keep latencies: {0}")]
    Latencies(#[from] hdrhistogram::CreationError),
    /// Nobody could stop it.
    #[error("cannot listen for signals: {0}")]
    Signals(#[from] io::Error),
    /// A conversation failed.
    #[error("{0}")]
    Talk(#[from] failure::Failure),
    /// The report was printed, and it says that nothing worked.
    #[error("no request succeeded; the kinds of failure above say why")]
    Nothing,
}

/// Makes the load that `options` describe, until it is told to stop, and prints what came of it.
pub async fn run(options: Options) -> Result<(), RunError> {
    let stop = told_to_stop()?;
    let report = Running::start(&options)?.end_unless(stop).await?;
    println!("{}", report.print(options.output));
    match report.succeeded() {
        0 => Err(RunError::Nothing),
        _ => Ok(()),
    }
}

/// Waits until somebody has had enough: Ctrl-C, or the signal that ends processes.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Makes the load that `options` describe.
pub async fn measure(options: &Options) -> Result<Report, RunError> {
    Running::start(options)?.end().await
}
