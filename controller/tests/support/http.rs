//! One request on a connection of its own, and what is read from metrics.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks for a path of a host at an address.
pub(crate) async fn get(address: SocketAddr, host: &str, path: &str) -> io::Result<Answer> {
    timeout(PATIENCE, ask(address, host, path)).await?
}

async fn ask(address: SocketAddr, host: &str, path: &str) -> io::Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let mut running = JoinSet::new();
    running.spawn(connection);
    let request = Request::get(path).header("host", host);
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await;
    let response = response.map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, body })
}

/// Whether a listener for probes says yes.
pub(crate) async fn says_yes(admin: SocketAddr, path: &str) -> bool {
    let answer = get(admin, "admin", path).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

/// The samples of a metric, by what stands between the braces.
pub(crate) async fn samples(admin: SocketAddr, name: &str) -> io::Result<BTreeMap<String, f64>> {
    let text = get(admin, "admin", "/metrics").await?.body;
    let lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let lines = lines.filter(|rest| rest.starts_with([' ', '{']));
    let samples = lines.map(|rest| {
        let (labels, value) = rest.rsplit_once(' ').unwrap();
        let labels = labels.trim_matches(['{', '}']);
        (labels.to_string(), value.parse().unwrap())
    });
    Ok(samples.collect())
}

/// A metric's value, summed over its samples.
pub(crate) async fn metric(admin: SocketAddr, name: &str) -> io::Result<f64> {
    Ok(samples(admin, name).await?.values().sum())
}
