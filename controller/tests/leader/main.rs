//! What is done by one controller at a time: leading itself, and keeping certificates. The API
//! server is a scripted one, because the real one cannot be made to fail on demand.
//!
//! Time is tokio's, paused: it passes only when everybody waits.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod admission;
mod api;
mod certificates;
mod election;
mod handshake;
mod rivals;
mod rotation;
mod secrets;
