//! Certificates by ACME (RFC 8555): what is due, one order after the other, and where state is kept.
//!
//! It is told what is wanted and who answers challenges, and puts what it gets into a [`Store`].
//! It must never know a Kubernetes client or a proxy: the controller and the standalone proxy both
//! use it, and each brings its own [`Store`] and [`Doors`].
//! What must survive a crash is saved before the step that needs it, so that no order is made twice.

#![forbid(unsafe_code)]

mod account;
mod accounts;
mod advance;
mod ari;
mod ask;
mod attempt;
mod authority;
mod backoff;
mod board;
mod budget;
mod ca;
mod check;
mod csr;
mod directory;
mod doors;
mod engine;
mod entry;
pub mod facts;
mod failure;
mod held;
mod issuer;
mod plan;
mod policy;
mod record;
mod renewal;
mod retire;
mod settings;
mod staged;
mod status;
mod store;
mod task;
mod want;

pub use account::{CaSettings, ExternalAccount};
pub use ari::Ari;
pub use ask::{Asker, Wrong};
pub use board::Statuses;
pub use budget::{Bound, Limits};
pub use ca::{Ca, Order};
pub use check::check;
pub use csr::{csr, generate};
pub use directory::{Directory, DirectoryError};
pub use doors::{Closed, Doors};
pub use engine::Clock;
pub use failure::{Failure, FailureKind, Subproblem};
pub use held::{Held, HeldError};
pub use issuer::Issuer;
pub use policy::Policy;
pub use record::{Asked, Failing, Ordered, Pending, Record, Rest};
pub use settings::{
    Acme, AcmeSettings, Allowed, AllowedError, DirectoryUrl, DirectoryUrlError, SettingsError,
};
pub use staged::{CHALLENGE_TYPE, CHALLENGES, ChallengeKind, Staged};
pub use status::{Phase, Status};
pub use store::{CaId, ISSUER, Kept, MANAGED_BY, Mark, NAMES, Store, StoreError, Version};
pub use want::{ChallengeChoice, KeyType, Name, NameError, Want, WantId, WantIdError};
