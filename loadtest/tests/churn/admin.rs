//! What the proxy says about itself on its admin listener.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to the admin listener.
pub(crate) struct Admin(http1::SendRequest<Empty<Bytes>>);

impl Admin {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (client, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// A metric's value, summed over its samples.
    pub(crate) async fn metric(&mut self, name: &str) -> f64 {
        let request = Request::get("/metrics").header("host", "admin");
        self.0.ready().await.unwrap();
        let sent = self.0.send_request(request.body(Empty::new()).unwrap());
        let body = sent.await.unwrap().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        let samples = text.lines().filter_map(|line| line.strip_prefix(name));
        let samples = samples.filter(|rest| rest.starts_with([' ', '{']));
        samples
            .map(|rest| rest.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
            .sum()
    }

    /// The number of the running configuration.
    pub(crate) async fn generation(&mut self) -> u64 {
        self.metric("portreeve_config_generation").await as u64
    }
}
