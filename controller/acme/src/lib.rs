//! Certificates by ACME (RFC 8555): what is due, one order after the other, and where state is kept.
//!
//! It is told what is wanted and who answers challenges, and puts what it gets into a [`Store`].
//! It must never know a Kubernetes client or a proxy: the controller and the standalone proxy both
//! use it, and each brings its own [`Store`] and [`Doors`].
//! What must survive a crash is saved before the step that needs it, so that no order is made twice.

#![forbid(unsafe_code)]

mod account;
mod ari;
mod ca;
mod check;
mod csr;
mod doors;
mod failure;
mod held;
mod record;
mod staged;
mod store;
mod want;

pub use account::{CaSettings, ExternalAccount};
pub use ari::Ari;
pub use ca::{Ca, Order};
pub use check::check;
pub use csr::{csr, generate};
pub use doors::{Closed, Doors};
pub use failure::{Failure, FailureKind, Subproblem};
pub use held::{Held, HeldError};
pub use record::{Asked, Failing, Pending, Record};
pub use staged::{CHALLENGE_TYPE, CHALLENGES, ChallengeKind, Staged};
pub use store::{CaId, Kept, Mark, Store, StoreError, Version};
pub use want::{ChallengeChoice, KeyType, Name, NameError, Want, WantId};
