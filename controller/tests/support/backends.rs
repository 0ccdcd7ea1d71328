//! The echo backends of a place.

use std::net::SocketAddr;

use crate::place::{BACKENDS, Place};
use crate::process::Process;

/// Starts the backends that the Service can lead to.
pub(crate) fn start(place: &Place) -> Process {
    let usual = BACKENDS.map(|(name, number)| (place.address(number, 8080), name));
    start_at(place, "backends", &usual, &[])
}

/// Starts backends where they are wanted, each with the name that it answers with.
pub(crate) fn start_at(
    place: &Place,
    log: &str,
    backends: &[(SocketAddr, &str)],
    flags: &[&str],
) -> Process {
    let listen = backends.iter();
    let listen = listen.map(|(address, name)| format!("--listen={address}={name}"));
    let flags = flags.iter().map(ToString::to_string);
    let arguments: Vec<_> = std::iter::once("serve".into())
        .chain(listen)
        .chain(flags)
        .collect();
    let log = place.folder.join(format!("{log}.log"));
    Process::start("portreeve-loadtest", &arguments, &log)
}
