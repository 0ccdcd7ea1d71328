//! What the controller and the admission webhook are both told: which API server, which namespaces and
//! classes, and how Ingresses are read. Each is given once, by the same flag or environment variable.

#![forbid(unsafe_code)]

mod acme;
mod client;
mod flags;

pub use acme::{AcmeAllowed, AcmeAllowedError, AcmeWanting};
pub use client::{ClientError, Reached, client};
pub use flags::Settings;
