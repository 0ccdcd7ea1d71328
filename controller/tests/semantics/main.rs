//! What an Ingress means in a cluster: whose it is, what its status says, which Services its
//! requests reach and which they never do. Controllers and proxies as processes, a real API server
//! and real backends; each test has a corner of the cluster of its own.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod classes;
mod classless;
mod dns;
mod events;
mod forbidden;
mod handover;
mod ownership;
mod services;
mod shop;
mod shutdown;
mod stage;
mod status;
#[path = "../support/mod.rs"]
mod support;

use support::{controller, http, place, process, proxy, wait};
