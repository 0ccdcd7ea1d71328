//! A handshake in memory, at any time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_identity::Role;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};
use rustls_pki_types::UnixTime;

#[derive(Debug)]
struct At(Timestamp);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = self.0.as_second().try_into().unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Whether a proxy and a controller take each other for what they are.
pub(crate) fn meet(
    client: &ClientConfig,
    server: &ServerConfig,
    now: Timestamp,
) -> Result<(), Error> {
    let (mut client, mut server) = (client.clone(), server.clone());
    client.time_provider = Arc::new(At(now));
    server.time_provider = Arc::new(At(now));
    let name = Role::Controller.server_name();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}
