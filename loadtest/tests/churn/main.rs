//! 500 changes to the directory while clients of every kind are being served: no request fails,
//! no stream breaks, and each change is there at once.
//!
//! This needs the proxy's binary and a minute, so `cargo test` leaves it out; `make test` runs it.

// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod admin;
mod changes;
mod load;
mod manifests;
mod pod;
mod stream;

#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use changes::World;
use load::Load;
use stream::Stream;

const CHANGES: usize = 500;
/// 50,000 without the messages of the WebSocket, which are counted too.
const REQUESTS: u64 = 55_000;
/// A change should be there within 500 ms. On a machine that does everything at once half of them
/// are well below, and only that is asserted.
const MEDIAN: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the proxy's binary and a minute: make test"]
async fn five_hundred_changes_fail_no_request_and_break_no_stream() {
    let mut world = World::start().await;
    let load = Load::start(world.proxy.http, world.proxy.https);
    let stream = Stream::open(world.proxy.http, "stream.example").await;
    let mut seen = Vec::new();
    let mut number = 0;
    while number < CHANGES || load.requests() < REQUESTS {
        seen.extend(world.change(number).await);
        number += 1;
    }
    let made = load.requests();
    let reports = load.stop().await;
    let messages = stream.close().await;
    world.left().await;

    seen.sort();
    let quantile = |of: f64| seen[((seen.len() - 1) as f64 * of) as usize];
    println!(
        "{made} requests and {messages} messages over gRPC; {number} changes, {} of them timed, visible after p50 {:?}, p90 {:?}, p99 {:?}, max {:?}",
        seen.len(),
        quantile(0.5),
        quantile(0.9),
        quantile(0.99),
        quantile(1.0)
    );
    for (line, report) in &reports {
        println!(
            "{line}\n{}",
            report.print(portreeve_loadtest::run::Output::Human)
        );
    }
    for (line, report) in &reports {
        assert_eq!(report.failures, [].into(), "{line}");
    }
    assert!(made >= REQUESTS && messages > 0);
    assert_eq!(
        world.connections().await,
        0,
        "connections were lost and made again"
    );
    assert!(quantile(0.5) < MEDIAN, "{:?}", quantile(0.5));
}
