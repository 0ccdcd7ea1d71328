//! Tells the API server by which authorities the admission webhook's certificate may be: `caBundle`
//! of the webhooks that lead to it.
//!
//! Who is told late takes the webhook for a stranger, and then objects go unchecked, or none can be
//! written at all. So all authorities are told that are believed anywhere, the next one is told
//! before it signs, and [`Told`](crate::pki::Told) says when that is so. Nothing else of the
//! configuration is ever written, and what another program keeps is left to it.

mod api;
mod configuration;
mod teller;
#[cfg(test)]
mod tests;

pub use teller::Teller;
