//! Watches Kubernetes, compiles what its Ingresses say and pushes it to proxies.

#![forbid(unsafe_code)]

pub mod lease;
pub mod pki;
mod published;
mod say;
pub mod serve;

pub use published::{Latest, Published};
