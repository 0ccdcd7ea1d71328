//! How fast a change is in traffic and how much room everything takes, and what becomes of that in
//! the long run: controllers and proxies as processes, a real API server, and requests meanwhile.
//!
//! `make converge` and `make soak` build for release, which takes minutes, and hold all bounds.
//! `make test` runs this with what is there and with less of everything, and holds no time.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod clients;
mod converge;
mod crowd;
mod fault;
mod figures;
mod probe;
mod relay;
mod room;
mod soak;
mod watched;

#[path = "../faults/balancer.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod balancer;
#[path = "../faults/load.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod load;
#[path = "../faults/past.rs"]
mod past;
#[path = "../faults/site.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod site;
#[path = "../support/mod.rs"]
mod support;

use support::{backends, controller, http, place, process, proxy, wait};
use tokio::sync::Mutex;

/// Two measurements at a time would measure each other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Whether this is a measurement, with programs that are built for it, and not only a test.
fn is_measured() -> bool {
    std::env::var_os(process::PROGRAMS).is_some()
}
