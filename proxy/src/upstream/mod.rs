//! Where requests go: endpoints, how one is chosen, and the connections to them.

mod affinity;
mod balance;
mod connect;
mod endpoint;
mod exclusive;
mod pool;
mod room;
mod shared;
mod stream;

pub(crate) use affinity::{Session, Visit, set_cookie};
pub(crate) use balance::{Choice, stable_hash};
pub(crate) use connect::{Connector, Transport};
pub(crate) use endpoint::{Endpoint, EndpointSet, InFlight};
pub(crate) use pool::{Answer, Failure, Lease, Pool, PoolKey, Reuse, Terms};
