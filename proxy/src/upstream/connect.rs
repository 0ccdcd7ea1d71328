//! Dialling an endpoint: TCP, then TLS when it is asked for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::descriptors::Descriptors;
use crate::tls;

/// What is spoken over a connection to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 with prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

impl Transport {
    /// Whether requests share a connection.
    pub(crate) fn is_multiplexed(self) -> bool {
        matches!(self, Self::H2c | Self::H2)
    }
}

/// Opens connections to endpoints.
#[derive(Clone)]
pub(crate) struct Connector {
    https: Arc<ClientConfig>,
    h2: Arc<ClientConfig>,
    descriptors: Descriptors,
    /// Where this proxy itself answers probes, if it does.
    admin: Option<SocketAddr>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// One that never connects to `admin`, this proxy's own listener for probes.
    pub(crate) fn new(
        descriptors: Descriptors,
        admin: Option<SocketAddr>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            descriptors,
            admin,
            https: tls::client(&[b"http/1.1"])?,
            h2: tls::client(&[b"h2"])?,
        })
    }

    /// Opens one, without a time limit of its own.
    ///
    /// # Errors
    /// When the endpoint does not accept, or its TLS handshake fails.
    pub(crate) async fn connect(&self, to: SocketAddr, over: Transport) -> io::Result<Io> {
        let tcp = TcpStream::connect(to).await?;
        if self.is_own(to, &tcp) {
            return Err(io::Error::other("it is the proxy's own admin listener"));
        }
        if self.descriptors.is_scarce(&tcp) {
            return Err(io::Error::other("too many files are open"));
        }
        tcp.set_nodelay(true)?;
        keep_alive(&tcp)?;
        let config = match over {
            Transport::Http | Transport::H2c => return Ok(Io::Plain(tcp)),
            Transport::Https => &self.https,
            Transport::H2 => &self.h2,
        };
        // An address as the name sends no SNI, which is what ingress-nginx does by default.
        let name = ServerName::IpAddress(to.ip().into());
        let tls = TlsConnector::from(Arc::clone(config))
            .connect(name, tcp)
            .await?;
        Ok(Io::Tls(Box::new(tls)))
    }
}

impl Connector {
    /// Whether a connection leads to our own listener for probes, which may be one of every address
    /// of this machine: what is on this machine is reached from the address that it has.
    fn is_own(&self, to: SocketAddr, tcp: &TcpStream) -> bool {
        let Some(admin) = self.admin.filter(|admin| admin.port() == to.port()) else {
            return false;
        };
        let is_here = || tcp.local_addr().is_ok_and(|here| here.ip() == to.ip());
        match admin.ip().is_unspecified() {
            true => to.ip().to_canonical().is_loopback() || is_here(),
            false => admin.ip().to_canonical() == to.ip().to_canonical(),
        }
    }
}

/// A host that vanished says nothing: the kernel has to ask.
fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(tcp);
    let keep_alive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    socket.set_tcp_keepalive(&keep_alive.with_interval(Duration::from_secs(15)))?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(60)))
}

/// A connection to an endpoint.
#[derive(Debug)]
pub(crate) enum Io {
    /// As it is.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Self::Tls(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Self::Tls(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(listen: &str, to: &str) -> io::Result<Io> {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        let admin = listener.local_addr()?;
        let connector = Connector::new(Descriptors::of_process(), Some(admin));
        let to = SocketAddr::new(to.parse().unwrap(), admin.port());
        connector.unwrap().connect(to, Transport::Http).await
    }

    #[tokio::test]
    async fn nothing_is_sent_to_our_own_admin_listener() {
        for (listen, to) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("127.0.0.1:0", "::ffff:127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.9"),
        ] {
            let refused = connect(listen, to).await.unwrap_err().to_string();
            assert!(refused.contains("admin listener"), "{to}: {refused}");
        }
    }

    #[tokio::test]
    async fn another_listener_of_the_same_port_is_connected_to() {
        let here = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let to = here.local_addr().unwrap();
        let admin = SocketAddr::new([127, 0, 0, 1].into(), to.port());
        let connector = Connector::new(Descriptors::of_process(), Some(admin)).unwrap();
        connector.connect(to, Transport::Http).await.unwrap();
    }
}
