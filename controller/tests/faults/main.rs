//! What may break, and what must hold meanwhile: controllers and proxies as processes, a real API
//! server, and requests all the while. Each test breaks one thing and prints its figures.
//!
//! Nothing waits for a time to pass but what is broken for a time.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod absence;
mod balancer;
mod cache;
mod chance;
mod contact;
mod guest;
mod history;
mod kills;
mod leader;
mod load;
mod losses;
mod mutant;
mod mutants;
mod past;
#[path = "../../translate/tests/support/pointers.rs"]
mod pointers;
mod rejections;
mod rolling;
mod rotation;
mod site;
mod strangers;
mod stuck;
#[path = "../support/mod.rs"]
mod support;

use support::{controller, http, place, process, proxy, wait};
