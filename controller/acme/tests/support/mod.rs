//! What tests with a real CA and with a scripted one have in common.

#![allow(dead_code, reason = "each test binary uses some of it")]

pub(crate) mod door;
pub(crate) mod folder;
pub(crate) mod https;
pub(crate) mod pebble;
pub(crate) mod process;
pub(crate) mod responder;
pub(crate) mod running;
pub(crate) mod scripted;
