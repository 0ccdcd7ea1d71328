//! Watches Kubernetes, compiles what its Ingresses say and pushes it to proxies.

#![forbid(unsafe_code)]

mod build;
mod holdoff;
mod lanes;
pub mod lease;
mod options;
pub mod pki;
mod published;
mod say;
pub mod serve;

pub use options::Options;
pub use published::{Latest, Published};
