//! A connection to a CA.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one address may take; a name may have one that leads nowhere beside one that answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many addresses are tried.
const MOST: usize = 5;

/// A stream of bytes, over TLS or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to whom `uri` names, over TLS; without it only to this machine, for tests and for CAs
/// that stand behind something of one's own (RFC 8555, section 6.1, demands HTTPS).
pub(super) async fn dial(uri: &Uri, tls: &TlsConnector) -> io::Result<Box<dyn Stream>> {
    let host = uri.host().ok_or_else(|| wrong("it names no host"))?;
    let host = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    if !secure && !is_local(host) {
        return Err(wrong("only https is spoken to other machines"));
    }
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = connect(host, port).await?;
    if !secure {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| wrong(&error.to_string()))?;
    Ok(Box::new(tls.connect(name, stream).await?))
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn is_local(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.take(MOST).collect();
    let mut last = wrong("its name has no address");
    for address in addresses {
        match reach(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn reach(address: SocketAddr) -> io::Result<TcpStream> {
    let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
    let slow = |_| {
        io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{address} does not answer"),
        )
    };
    let stream = connected.map_err(slow)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}
