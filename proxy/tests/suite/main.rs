//! The proxy from outside: the real process, real sockets, manifests in a directory.
//!
//! Nothing here waits for time to pass: every wait is for an event, with a limit that only a
//! broken proxy reaches.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]
#![allow(missing_docs, unreachable_pub)]

mod harness;

mod accesslog;
mod acme;
mod balancing;
mod certificates;
mod controller;
mod directory;
mod drain;
mod duties;
mod early;
mod errors;
mod external;
mod limits;
mod metrics;
mod parts;
mod routing;
mod streams;
mod tls;
mod upgrade;
