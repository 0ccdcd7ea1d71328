//! Listeners that a flag names.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::say;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("--{flag} {address} cannot be listened on: {error}")]
pub struct ListenError {
    /// The flag that named it.
    pub flag: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the kernel said.
    pub error: io::Error,
}

/// Binds a listener, and says in the name of a program where: people and tests read this line to
/// learn which port was taken.
///
/// # Errors
/// When the address cannot be had.
pub async fn bind(
    program: &str,
    flag: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, ListenError> {
    let explain = |error| ListenError {
        flag,
        address,
        error,
    };
    let listener = TcpListener::bind(address).await.map_err(explain)?;
    let bound = listener.local_addr().map_err(explain)?;
    say(format_args!("{program}: listening {flag} {bound}"));
    Ok(listener)
}
