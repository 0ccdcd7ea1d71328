#![forbid(unsafe_code)]
//! Everything that stands around the proxy when it is shown, tested or measured.
//!
//! `serve` answers as a backend, `run` makes requests as a client, `compare` measures proxies
//! against each other, `generate` writes manifests by the thousand. The product never depends on this crate, and this crate never reaches
//! into the product: it meets the proxy only through sockets and its command line.

mod canned;
pub mod compare;
mod cpu;
mod echo;
pub mod generate;
pub mod run;
pub mod serve;
