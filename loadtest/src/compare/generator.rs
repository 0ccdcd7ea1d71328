//! A closed loop of the cheapest kind: write the same bytes, read until the answer is there.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::request::{Progress, Wanted};

/// The pause after a failure, so that a closed port is not hammered.
const PAUSE: Duration = Duration::from_millis(5);

/// What came of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) elapsed: Duration,
}

/// Keeps `connections` busy with `wanted` for `length`.
pub(super) async fn load(
    address: SocketAddr,
    wanted: &Wanted,
    connections: u32,
    length: Duration,
) -> Load {
    let start = Instant::now();
    let end = start + length;
    let mut lanes = JoinSet::new();
    for _ in 0..connections {
        lanes.spawn(lane(address, Wanted::clone(wanted), end));
    }
    let mut total = Load::default();
    while let Some(lane) = lanes.join_next().await {
        let lane = lane.unwrap_or_default();
        total.answered += lane.answered;
        total.failed += lane.failed;
    }
    total.elapsed = start.elapsed();
    total
}

async fn lane(address: SocketAddr, wanted: Wanted, end: Instant) -> Load {
    let mut load = Load::default();
    while Instant::now() < end {
        // Whatever is under way at the end is neither a success nor a failure.
        let Ok(connection) = timeout_at(end, connection(address, &wanted, end, &mut load)).await
        else {
            break;
        };
        if connection.is_none() {
            load.failed += 1;
            sleep(PAUSE).await;
        }
    }
    load
}

/// Uses one connection until it is closed in good order, or nothing when it was not.
async fn connection(
    address: SocketAddr,
    wanted: &Wanted,
    end: Instant,
    load: &mut Load,
) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let mut read = Vec::with_capacity(16 * 1024);
    while Instant::now() < end {
        stream.write_all(&wanted.bytes).await.ok()?;
        read.clear();
        loop {
            if stream.read_buf(&mut read).await.ok()? == 0 {
                return None;
            }
            match wanted.judge(&read) {
                Progress::More(missing) => read.reserve(missing.max(1024)),
                Progress::Answered { keep: true } => break,
                Progress::Answered { keep: false } => {
                    load.answered += 1;
                    return Some(());
                }
                Progress::Wrong => return None,
            }
        }
        load.answered += 1;
    }
    Some(())
}
