//! What the API server itself refuses, by the policies in `deploy`: every annotation that they guard
//! and every one that they do not, what an update may keep, hosts by lists, and the largest objects.
//!
//! Nearly all of it is dry: a create that is only tried is admitted like any other.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod annotations;
mod classes;
mod cluster;
mod corner;
mod hosts;
mod sizes;
mod updates;
#[path = "../support/wait.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod wait;
