//! The admission webhook as a real API server calls it: that it is believed, whatever becomes of
//! certificates and authorities, and that nothing else of its configuration is touched. A responder
//! that lets everything in stands for the webhook.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod calls;
mod configuration;
mod keeping;
mod responder;
mod rotation;
#[path = "../support/mod.rs"]
mod support;
mod writes;

use support::{controller, http, place, process, wait};
