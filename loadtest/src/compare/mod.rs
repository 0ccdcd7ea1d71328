//! Proxies against each other: the same load on each in turn, CPU time per request, ratios.
//!
//! Backend and generator are one task set on one core, so that the proxy's core is the one that
//! is full. The ratio of one round is between neighbours in time; what is reported is the median
//! over the rounds and its quartiles, because single figures on a shared machine lie.

mod generator;
mod options;
mod report;
mod request;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::{canned, cpu};

pub use options::{Options, Target};
use report::{Report, Sample};
use request::Wanted;

/// How long each target is loaded before anything is counted: connections open, caches fill.
const WARM_UP: Duration = Duration::from_millis(500);

/// Why proxies could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The backend's address is taken.
    #[error("the backend cannot listen on {0}: {1}; choose another with --backend")]
    Backend(SocketAddr, std::io::Error),
    /// A process cannot be watched.
    #[error(transparent)]
    Cpu(#[from] cpu::CpuError),
    /// A target answers nothing, so nothing can be said about it.
    #[error("{0} answered no request in a round; does it route {1} to the backend?")]
    Silent(String, String),
}

/// Loads each target in turn, `rounds` times, and prints what it cost.
pub async fn run(options: Options) -> Result<(), CompareError> {
    let listener = TcpListener::bind(options.backend).await;
    let listener = listener.map_err(|error| CompareError::Backend(options.backend, error))?;
    let backend = tokio::spawn(serve(listener));
    let wanted = Wanted::new(&options.host, options.size);
    for target in &options.target {
        round(&options, target, &wanted, WARM_UP).await?;
    }
    let mut report = Report::new(&options.target);
    for number in 0..options.rounds {
        let mut order: Vec<_> = options.target.iter().enumerate().collect();
        // Back and forth, so that drift of the machine does not always hit the same one.
        if number % 2 == 1 {
            order.reverse();
        }
        for (index, target) in order {
            let length = Duration::from_secs(options.seconds);
            report.add(index, round(&options, target, &wanted, length).await?);
        }
    }
    backend.abort();
    println!("{}", report.print(options.output));
    Ok(())
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let _slower_without = stream.set_nodelay(true);
        tokio::spawn(canned::serve(stream));
    }
}

async fn round(
    options: &Options,
    target: &Target,
    wanted: &Wanted,
    length: Duration,
) -> Result<Sample, CompareError> {
    let own = [std::process::id()];
    let (before, own_before) = (cpu::of(&target.pids)?, cpu::of(&own)?);
    let load = generator::load(target.address, wanted, options.connections, length).await;
    let used = cpu::of(&target.pids)?.saturating_sub(before);
    let own_used = cpu::of(&own)?.saturating_sub(own_before);
    match load.answered {
        0 => Err(CompareError::Silent(
            target.name.clone(),
            options.host.clone(),
        )),
        _ => Ok(Sample::new(&load, used, own_used)),
    }
}
