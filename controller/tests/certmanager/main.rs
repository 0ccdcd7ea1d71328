//! cert-manager, unmodified, beside us: its controller and its solver's Pods have a test authority
//! issue certificates by HTTP-01, and every question of that authority goes through a proxy. What
//! tenants have proxies do with a host keeps neither from working.

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
mod history;
mod hosts;
mod issuing;
mod manager;
mod solver;
mod stage;
#[path = "../support/mod.rs"]
mod support;

use support::{backends, controller, http, place, process, proxy, wait};
