//! What an identity is worth to a peer, by handshakes in memory, and how it follows its files.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used)]

mod authority;
mod handshake;
mod parse;
mod reload;
