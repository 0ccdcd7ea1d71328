//! Certificates by ACME in a cluster: two controllers, three proxies and a test CA, which asks the
//! proxies as CAs do. Each test has a corner of the cluster of its own, and prints its figures.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod authority;
mod chain;
mod events;
mod foreign;
mod handshakes;
mod issuing;
mod renewal;
mod stage;
mod succession;
#[path = "../support/mod.rs"]
mod support;

use support::{backends, controller, http, place, process, proxy, wait};
