//! Where requests go: endpoints and how one is chosen.

pub mod affinity;
pub mod balance;
pub mod endpoint;
