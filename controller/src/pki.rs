//! The certificates by which controllers and proxies know each other, and the API server knows the
//! admission webhook: an authority of our own, and a certificate for each role.
//!
//! What is there is read, what is missing, damaged or due is planned, and one step after the other
//! is done and written, each by itself whole. No step cuts anybody off: a new authority is believed
//! everywhere before anything is signed by it, and the old one until nothing is. The API server
//! believes what it is told by others (see [`Told`]), and is waited for.

mod authority;
mod bundle;
mod certificate;
mod entry;
mod error;
mod homes;
mod keeper;
mod kept;
mod material;
mod names;
mod plan;

pub use bundle::{Bundle, Told};
pub use entry::Entry;
pub use error::PkiError;
pub use homes::{Home, HomeError};
pub use keeper::Keeper;
pub(crate) use names::ADMISSION_SERVICE;
