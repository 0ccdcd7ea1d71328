//! Who writes: one of the controllers, by a Lease.
//!
//! Every controller watches, translates and serves; the Lease guards only what is written to the
//! API server. The rules are client-go's, so that a Lease can be read by whoever reads others:
//! time is measured on one's own clock from when a Lease was seen to change, every write carries
//! the version that it replaces, and who cannot renew steps down before anybody else may step up.
//! Losing the Lease stops those who write, and nothing else.

mod decide;
mod elector;
mod error;
mod leadership;
mod observed;
mod timing;

pub use elector::{Candidate, Elector};
pub use error::LeaseError;
pub use leadership::{Leadership, NotLeading};
pub use timing::Timing;
