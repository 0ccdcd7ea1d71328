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
mod controller;
mod guest;
mod history;
mod http;
mod kills;
mod leader;
mod load;
mod losses;
mod mutant;
mod mutants;
mod place;
#[path = "../../translate/tests/support/pointers.rs"]
mod pointers;
mod process;
mod proxy;
mod rejections;
mod rolling;
mod rotation;
mod site;
mod strangers;
mod stuck;
mod wait;
