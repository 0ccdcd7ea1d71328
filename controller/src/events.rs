//! Says what is wrong with an object where people look for it: in Events beside the object.
//!
//! Whoever knows of something that stands posts it to the [`Board`]; the [`Herald`] says it once
//! while it stands, again when it comes back, and keeps the Event alive, which the API server
//! forgets after an hour. Events have names made from what they say, so that a controller that
//! begins to lead finds what another has said already and does not repeat it. (kube's recorder
//! knows only what it said itself, and begins anew.)

mod api;
mod board;
mod herald;
mod notice;
mod said;
#[cfg(test)]
mod tests;

pub use board::{Board, Posted};
pub use herald::Herald;
pub use notice::{Notice, Severity};
