//! The data plane: terminates, routes, balances and forwards.
//!
//! It holds no Kubernetes credential and never asks the API server for anything: what it serves
//! comes from a source, is compiled into a table and swapped whole.
//! Read `request.rs` first, then `worker.rs` and `state.rs`.

#![forbid(unsafe_code)]

mod accesslog;
mod acme;
mod activity;
mod admin;
mod backlog;
mod body;
mod challenge;
mod choice;
mod conn;
#[cfg(test)]
mod deploy;
mod descriptors;
mod dispatch;
#[cfg(test)]
mod docs;
mod drain;
mod early;
mod error;
mod filters;
mod forward;
mod grpc;
mod holder;
mod io;
mod listen;
mod metrics;
mod options;
mod parts;
mod record;
mod request;
mod respond;
mod retry;
mod serve;
mod source;
mod stall;
mod state;
mod target;
mod timer;
mod tls;
mod trailers;
mod upgrade;
mod upload;
mod upstream;
mod window;
mod wiring;
mod worker;

pub use accesslog::Format;
pub use acme::{AcmeError, StateError};
pub use listen::ListenError;
pub use options::{Listen, Options, Profile};
pub use wiring::{Fatal, run};
