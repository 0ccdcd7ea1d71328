//! What tests with real controllers and proxies at a real API server have in common.

#![allow(dead_code, reason = "each test binary uses some of it")]

pub(crate) mod backends;
pub(crate) mod controller;
pub(crate) mod http;
pub(crate) mod place;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod wait;
