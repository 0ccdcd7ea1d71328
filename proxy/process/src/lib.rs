//! What each of our programs has beside its work: an admin listener, metrics that are looked up when
//! they are asked for, lines on standard error, and reference pages of what a user can type.
//!
//! Nothing here may know what a program does, or link what only one of them needs.

#![forbid(unsafe_code)]

pub mod admin;
mod listen;
pub mod metrics;
pub mod pages;
mod say;

pub use listen::{ListenError, bind};
pub use say::say;
