//! The rules of the repository, as tests: what may link what, who may name what, how long a file
//! may be, what a document must keep its word about.
//!
//! A rule that is broken says which file and what to do instead. Exceptions stand beside their
//! rule, each with its reason.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod documents;
mod files;
mod layers;
mod operations;
mod packages;
mod sources;
