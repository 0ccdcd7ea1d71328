//! Who controllers and proxies are to each other: names, certificates and mutual TLS.
//!
//! Both sides show a certificate of the internal CA and look for the other's name in the one they
//! are shown. The admission webhook has one of the same CA for the API server, and by its name it
//! is neither of the two. Where these certificates come from is `portreeve-controller`'s business:
//! here they are only read, so that a proxy need link nothing that could make one.

#![forbid(unsafe_code)]

mod error;
mod files;
mod identity;
mod pem;
mod reload;
mod role;
mod tls;

pub use error::{IdentityError, Problem};
pub use identity::Identity;
pub use pem::{CA_FILE, CHAIN_FILE, KEY_FILE, Pem};
pub use reload::Reload;
pub use role::Role;
