//! What the store makes of what an API server says, by a server that says what a test wants.
//!
//! Time is virtual: it passes when nothing is left to do.

#![cfg(test)]

mod api;
mod changes;
mod failures;
mod lists;
mod namespaces;
mod objects;
mod scope;
mod world;
