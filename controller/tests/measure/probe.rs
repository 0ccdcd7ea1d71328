//! Whoever waits for a change to be in traffic: one kept connection, and one request after another.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::wait::PATIENCE;

/// How often it is asked, and so how exactly a time is known.
const ASK: Duration = Duration::from_millis(3);

pub(crate) struct Probe {
    host: String,
    sender: SendRequest<Empty<Bytes>>,
    _running: JoinSet<()>,
}

impl Probe {
    /// Asks a proxy for a host.
    pub(crate) async fn connect(proxy: SocketAddr, host: String) -> Self {
        let stream = TcpStream::connect(proxy).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(async { connection.await.unwrap() });
        Self {
            host,
            sender,
            _running: running,
        }
    }

    /// Waits until a backend answers, and says how long ago `since` is then.
    pub(crate) async fn shows(&mut self, backend: &str, since: Instant) -> Duration {
        let mut ask = interval(ASK);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ask.tick().await;
            if self
                .answers()
                .await
                .contains(&format!("service: {backend}\n"))
            {
                return since.elapsed();
            }
            let passed = since.elapsed();
            assert!(passed < PATIENCE, "{} is not with {backend}", self.host);
        }
    }

    async fn answers(&mut self) -> String {
        let request = Request::get("/").header("host", &self.host);
        let request = request.body(Empty::new()).unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.into()).unwrap()
    }
}
