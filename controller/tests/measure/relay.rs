//! A relay between a proxy and its controller that counts what the controller sends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    sent: Arc<AtomicU64>,
    _running: JoinSet<()>,
}

impl Relay {
    /// Relays what comes to `address`.
    pub(crate) async fn start(address: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let sent = Arc::default();
        let mut running = JoinSet::new();
        running.spawn(accept(listener, to, Arc::clone(&sent)));
        Self {
            address,
            sent,
            _running: running,
        }
    }

    /// How many bytes the controller has sent so far, as they are on the wire.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, sent: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        let (proxy, _) = listener.accept().await.unwrap();
        let sent = Arc::clone(&sent);
        connections.spawn(async move {
            // Whoever breaks off is not asked why: the other side sees it.
            if let Ok(controller) = TcpStream::connect(to).await {
                relay(proxy, controller, &sent).await;
            }
        });
    }
}

async fn relay(mut proxy: TcpStream, mut controller: TcpStream, sent: &AtomicU64) {
    proxy.set_nodelay(true).unwrap();
    controller.set_nodelay(true).unwrap();
    let (mut from_proxy, mut to_proxy) = proxy.split();
    let (mut from_controller, mut to_controller) = controller.split();
    let down = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_controller.read(&mut buffer).await {
            sent.fetch_add(u64::try_from(read).unwrap(), Ordering::Relaxed);
            if to_proxy.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = down => {}
        _ = copy(&mut from_proxy, &mut to_controller) => {}
    }
}
