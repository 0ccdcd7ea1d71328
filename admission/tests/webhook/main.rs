//! The webhook as a process at a real API server: what people see, and what it costs.
//!
//! `make reviews` builds for release and holds all bounds; `make test` runs this with what is there
//! and with less of everything, and holds no time.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod client;
mod crowded;
mod kubectl;
mod reviewer;
mod traced;
mod words;

#[path = "../../../controller/tests/measure/room.rs"]
#[allow(dead_code, reason = "it is made for more than this")]
mod room;
#[path = "../../../controller/tests/support/mod.rs"]
mod support;

use support::{controller, http, place, process, wait};
use tokio::sync::Mutex;

/// Two measurements at a time would measure each other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Whether this is a measurement, with programs that are built for it, and not only a test.
fn is_measured() -> bool {
    std::env::var_os(process::PROGRAMS).is_some()
}
