//! A backend that comes and goes as a Pod does: once nobody is told of it any more, it lives on
//! until its last connection is gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the proxy may hold on to a connection that leads to an endpoint it no longer has.
const PATIENCE: Duration = Duration::from_secs(30);

/// A backend with an address of its own.
pub(crate) struct Pod {
    pub(crate) address: SocketAddr,
    connections: Arc<watch::Sender<usize>>,
    accepting: JoinHandle<()>,
}

impl Pod {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Arc::new(watch::Sender::new(0));
        Self {
            address: listener.local_addr().unwrap(),
            accepting: tokio::spawn(accept(listener, Arc::clone(&connections))),
            connections,
        }
    }

    /// Ends when the proxy has closed its last connection, which it must do by itself.
    pub(crate) async fn leave(self) {
        let mut connections = self.connections.subscribe();
        let gone = timeout(PATIENCE, connections.wait_for(|open| *open == 0)).await;
        let left = *self.connections.borrow();
        assert!(
            gone.is_ok(),
            "{left} connections to a removed endpoint remain"
        );
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, connections: Arc<watch::Sender<usize>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.send_modify(|open| *open += 1);
        let connections = Arc::clone(&connections);
        tokio::spawn(async move {
            serve(stream).await;
            connections.send_modify(|open| *open -= 1);
        });
    }
}

async fn serve(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let answer = service_fn(|request: Request<Incoming>| async {
        // A request that was cut short must not be answered as if it were whole.
        let body = request.into_body().collect().await?;
        let answer = Response::new(Full::new(body.to_bytes()));
        Ok::<Response<Full<Bytes>>, hyper::Error>(answer)
    });
    let _ended_by_the_proxy = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
