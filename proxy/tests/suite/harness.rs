//! A proxy to test, a backend that records every byte, and a client that sends any.

pub mod authority;
mod backend;
mod client;
pub mod controller;
pub mod frames;
mod h2;
mod manifests;
mod proxy;
pub mod session;
mod tls;
pub mod told;

pub use backend::{Backend, Record, requests};
pub use client::{Client, Reply, get};
pub use h2::{H2Backend, H2Client, on, reply};
pub use manifests::{Ingress, service};
pub use proxy::{Dir, Proxy, SOON, Started, wait_until};
pub use tls::{Certificate, TlsClient};
