//! Says in the status of Ingresses where they can be reached.
//!
//! Other programs act on it: external-dns moves DNS names, Argo CD calls an Ingress healthy. So
//! nothing is written that is not known, only what differs is written, and only by the controller
//! that leads.
//!
//! What is written is applied by the server (server-side apply), field manager `portreeve`. A
//! patch that replaces a version would protect from others' changes too, but could not tell whose
//! a value is; with apply the API server knows. So:
//! - what another controller wrote is taken over once, and the answer names that controller;
//! - what we wrote can be taken back without looking: what somebody else has written since is not
//!   ours any more, and stays;
//! - an Ingress that was made anew under the same name is told by its uid, which is sent along.

mod address;
mod answer;
mod api;
mod desk;
mod ledger;
mod nodes;
mod seen;
mod steady;
#[cfg(test)]
mod tests;
mod writer;

pub use address::Source;
pub use nodes::{NodeAddress, Proxies};
pub use seen::{IngressNow, Seen, ServiceNow};
#[cfg(test)]
pub(crate) use writer::FAREWELL;
pub use writer::{Farewell, Writer};
