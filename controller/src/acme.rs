//! Certificates by ACME, in a cluster: what is wanted goes to the engine, its state is in Secrets,
//! and proxies are asked whether they answer before a CA is.
//!
//! Only the controller that leads does any of it, and it stops at once when it does not lead any
//! more. It never talks to a proxy but as a CA would: what proxies answer reaches them as everything
//! else does.

mod doors;
mod figures;
mod keeper;
mod mark;
mod proxies;
mod reason;
mod secrets;
mod told;
mod wants;

pub(crate) use doors::Doors;
#[cfg(test)]
pub(crate) use figures::FAMILIES;
pub(crate) use figures::Figures;
pub(crate) use keeper::Keeper;
#[cfg(test)]
pub(crate) use reason::Reason;
pub use secrets::Secrets;
