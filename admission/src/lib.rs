//! Refuses bad Ingresses before they are stored, with the code that translates them.
//!
//! It must never run, write or open anything for the sake of a review, see a Secret, or keep the
//! cluster from working: what it does not know, it lets pass with a warning.

#![forbid(unsafe_code)]

mod admin;
mod body;
mod counts;
#[cfg(test)]
mod docs;
mod handler;
mod missing;
mod object;
mod options;
mod places;
mod refusal;
mod request;
mod response;
mod review;
mod server;
mod tls;
mod verdict;
mod wiring;
mod world;

pub use handler::Handler;
pub use missing::OnMissing;
pub use options::Options;
pub use refusal::Refusal;
pub use verdict::{Verdict, WARNING};
pub use wiring::{Fatal, run};
pub use world::World;
