//! Why a certificate is not what it should be.

use portreeve_identity::IdentityError;

use super::homes::HomeError;
use crate::lease::NotLeading;

/// Why certificates could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// They cannot be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Another controller does this now.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// The library cannot make them.
    #[error("{place}: the certificate cannot be made: {error}; delete {authority} to start anew")]
    Make {
        /// Where it belongs.
        place: String,
        /// Where the authority is.
        authority: String,
        /// What the library said.
        error: rcgen::Error,
    },
    /// What was made is good for nothing.
    #[error(
        "the authority in {authority} signs what nobody takes ({error}); delete it to have another made"
    )]
    Unfit {
        /// Where the authority is.
        authority: String,
        /// What peers would say.
        error: Box<IdentityError>,
    },
    /// What is planned after each step is never nothing.
    #[error("the certificates are not settled after {0} steps; it is tried again")]
    Endless(usize),
}
