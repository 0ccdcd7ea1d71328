//! Reads Kubernetes: watches the objects that routing depends on and keeps a snapshot of them.
//!
//! A [`Store`] has one task for each kind, which lists it and follows its changes, and hands out
//! what is known as a [`Snapshot`](portreeve_translate::Snapshot) when every kind is known.
//! What an API server that fails, lags or lies cannot do is take objects away: only an event that
//! says so does, or a whole list without them.
//! Nothing here writes to the API server.

#![forbid(unsafe_code)]

mod changed;
mod event;
mod facts;
mod feed;
mod health;
mod kind;
mod known;
mod lenient;
mod metrics;
mod pace;
mod problem;
mod scope;
mod start;
mod state;
mod store;
mod trim;
mod view;
mod watched;

pub use changed::Changed;
pub use health::{Health, KindHealth};
pub use kind::Kinds;
pub use metrics::{Watching, families};
pub use problem::Problem;
pub use scope::Scope;
pub use state::{IngressState, ServiceState};
pub use store::{Options, Store};
pub use watched::Watched;
