//! Watches Kubernetes, compiles what its Ingresses say and pushes it to proxies.

#![forbid(unsafe_code)]

pub mod acme;
mod admin;
mod bucket;
mod build;
mod counts;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod docs;
pub mod events;
mod fight;
mod guard;
mod holdoff;
mod lanes;
pub mod lease;
mod losses;
mod metrics;
mod options;
pub mod pki;
mod published;
mod refusal;
#[cfg(test)]
mod scripted;
pub mod serve;
mod siblings;
pub mod status;
pub mod webhook;
mod wiring;

pub use counts::{Count, Counts};
pub use guard::Guard;
pub use options::Options;
pub use published::{Latest, Published};
pub use wiring::{Fatal, run};
