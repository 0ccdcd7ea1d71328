//! The certificates by which controllers and proxies know each other: an authority of our own, and
//! a certificate for each role.
//!
//! What is there is read, what is missing, damaged or due is planned, and one step after the other
//! is done and written, each by itself whole. No step cuts anybody off: a new authority is believed
//! everywhere before anything is signed by it, and the old one until nothing is.

mod authority;
mod certificate;
mod entry;
mod error;
mod homes;
mod keeper;
mod material;
mod plan;

pub use entry::Entry;
pub use error::PkiError;
pub use homes::{Home, HomeError};
pub use keeper::Keeper;
