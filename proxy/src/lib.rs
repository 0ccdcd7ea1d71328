//! The data plane: terminates, routes, balances and forwards.

#![forbid(unsafe_code)]

pub mod upstream;
