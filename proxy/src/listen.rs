//! Listening sockets: bound before anything is served, one per worker, and what they accept.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::error::Reason;
use crate::holder;
use crate::serve;
use crate::worker::Worker;

const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take to hear that there is no room for it.
const LINGER: Duration = Duration::from_secs(1);

const OVERLOADED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plane {
    /// HTTP, or HTTP/2 with prior knowledge.
    Http,
    /// Either, over TLS.
    Https,
}

/// A bound socket that nobody accepts from yet.
#[derive(Debug)]
pub(crate) struct Socket {
    raw: RawSocket,
    plane: Plane,
}

/// A socket that is being accepted from.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    plane: Plane,
}

/// Why a listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error(
        "{address} is in use{holder}; stop that process, or listen elsewhere with --{flag} ADDRESS:PORT"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
        /// ` by NAME (process ID)`, when that can be known.
        holder: String,
        /// The flag that named it.
        flag: &'static str,
    },
    /// Ports below 1024 are privileged.
    #[error(
        "no permission to listen on {address}; ports below 1024 need CAP_NET_BIND_SERVICE, or listen elsewhere with --{flag} ADDRESS:8080"
    )]
    NotPermitted {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
    },
    /// Anything else.
    #[error("cannot listen on {address} (--{flag}): {error}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The flag that named it.
        flag: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
}

impl Plane {
    /// The flag that names its addresses.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Binds `count` sockets to one address; the kernel spreads connections over them.
///
/// The address comes back with its port, should that have been 0.
///
/// # Errors
/// When it is taken, forbidden or not ours.
pub(crate) fn bind(
    plane: Plane,
    address: SocketAddr,
    count: usize,
) -> Result<(SocketAddr, Vec<Socket>), ListenError> {
    let explain = |error| ListenError::of(plane.flag(), address, error);
    // Sockets that share a port bind beside each other, even beside another process of ours: only
    // one that does not share finds out that the port is taken.
    let probe = open(address, false).map_err(explain)?;
    let taken = probe.local_addr().map_err(explain)?;
    let taken = taken.as_socket().unwrap_or(address);
    drop(probe);
    let sockets = (0..count).map(|_| {
        let raw = open(taken, true).map_err(explain)?;
        Ok(Socket { raw, plane })
    });
    Ok((taken, sockets.collect::<Result<_, ListenError>>()?))
}

fn open(address: SocketAddr, shares_port: bool) -> io::Result<RawSocket> {
    let domain = Domain::for_address(address);
    let socket = RawSocket::new(
        domain,
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

impl ListenError {
    pub(crate) fn of(flag: &'static str, address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse {
                address,
                holder: holder::of(address).map_or_else(String::new, |who| format!(" by {who}")),
                flag,
            },
            io::ErrorKind::PermissionDenied => Self::NotPermitted { address, flag },
            _ => Self::Other {
                address,
                flag,
                error,
            },
        }
    }
}

/// Every address of a port, in both families when the machine has both.
pub(crate) fn all_addresses(port: u16) -> Vec<SocketAddr> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let has_v6 = RawSocket::new(Domain::IPV6, Type::STREAM, None)
        .and_then(|socket| socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into()))
        .is_ok();
    if has_v6 { vec![v4, v6] } else { vec![v4] }
}

impl Socket {
    /// Hands the socket to the runtime that this is called on.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub(crate) fn into_tokio(self) -> io::Result<Listener> {
        let tcp = TcpListener::from_std(self.raw.into())?;
        Ok(Listener {
            tcp,
            plane: self.plane,
        })
    }
}

/// Accepts until stopping says that nobody is accepted any more.
pub(crate) async fn accept(worker: Arc<Worker>, listener: Listener, tls: TlsAcceptor) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.tcp.accept() => accepted,
            () = worker.drain.closing() => break,
        };
        match accepted {
            Ok((stream, _)) if worker.descriptors.is_scarce(&stream) => {
                refuse(&worker, listener.plane, stream);
                tokio::time::sleep(PAUSE).await;
            }
            Ok((stream, peer)) => admit(&worker, listener.plane, &tls, stream, peer),
            Err(error) if is_client_fault(&error) => {}
            // Without a free descriptor the kernel would wake us for the same connection for ever.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    let _ = accept_last(&worker, listener, &tls);
}

/// Accepts whose handshake the kernel has completed, which closing the socket would reset.
fn accept_last(worker: &Arc<Worker>, listener: Listener, tls: &TlsAcceptor) -> io::Result<()> {
    // The runtime may not have heard of them yet, so the kernel is asked.
    let tcp = listener.tcp.into_std()?;
    loop {
        let (stream, peer) = match tcp.accept() {
            Err(error) if is_client_fault(&error) => continue,
            accepted => accepted?,
        };
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream)?;
        admit(worker, listener.plane, tls, stream, peer);
    }
}

/// The client went away between its handshake and our accept.
fn is_client_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

fn admit(
    worker: &Arc<Worker>,
    plane: Plane,
    tls: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) {
    if worker.open_connections() >= worker.max_connections {
        return refuse(worker, plane, stream);
    }
    worker.counters().accepted.fetch_add(1, Ordering::Relaxed);
    let open = worker.open_connection();
    let worker = Arc::clone(worker);
    match plane {
        Plane::Http => tokio::spawn(async move {
            serve::plain(worker, stream, peer).await;
            drop(open);
        }),
        Plane::Https => {
            let tls = tls.clone();
            tokio::spawn(async move {
                serve::tls(worker, stream, peer, tls).await;
                drop(open);
            })
        }
    };
}

/// Says 503 to a client that there is no room for; over TLS that would cost a handshake.
fn refuse(worker: &Worker, plane: Plane, mut stream: TcpStream) {
    worker.counters().refuse(Reason::Overload);
    let Ok(place) = Arc::clone(&worker.refusing).try_acquire_owned() else {
        return;
    };
    if plane == Plane::Http {
        tokio::spawn(async move {
            let saying = tokio::time::timeout(LINGER, say_overloaded(&mut stream));
            let _ = saying.await;
            drop(place);
        });
    }
}

/// Its request is read, or the kernel would answer it with a reset that overtakes ours.
async fn say_overloaded(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(OVERLOADED).await?;
    stream.shutdown().await?;
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}
