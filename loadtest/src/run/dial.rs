//! A TCP connection, with TLS around it when the URL asks for it.

use std::pin::Pin;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::failure::Failure;
use super::plan::Plan;

/// What both kinds of connection can do.
pub(super) trait Io: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Io for S {}

/// A connection of either kind.
pub(super) type Stream = Pin<Box<dyn Io>>;

/// Connects as the plan says.
pub(super) async fn dial(plan: &Plan) -> Result<Stream, Failure> {
    let (host, port) = &plan.address;
    let stream = TcpStream::connect((host.as_str(), *port))
        .await
        .map_err(|error| Failure::Connect(error.kind()))?;
    let _slower_without = stream.set_nodelay(true);
    let Some(tls) = &plan.tls else {
        return Ok(Box::pin(stream));
    };
    let name = plan.authority.host().trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|error| Failure::Tls(error.to_string()))?;
    let stream = tls.connect(name, stream).await;
    Ok(Box::pin(
        stream.map_err(|error| Failure::Tls(error.to_string()))?,
    ))
}
