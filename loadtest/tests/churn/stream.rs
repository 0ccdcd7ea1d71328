//! One gRPC stream that is never allowed to end: a message goes out, the same one must come back,
//! and then the next.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long an echo may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that is being talked over.
pub(crate) struct Stream {
    stop: oneshot::Sender<()>,
    talking: JoinHandle<u64>,
}

impl Stream {
    /// Opens the stream and talks over it from now on.
    pub(crate) async fn open(proxy: SocketAddr, host: &str) -> Self {
        let io = TokioIo::new(TcpStream::connect(proxy).await.unwrap());
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let (messages, body) = mpsc::channel(1);
        let request = Request::post(format!("http://{host}/echo.Echo/Bidi"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Messages(body));
        let response = client.send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        let (stop, stopped) = oneshot::channel();
        let talking = tokio::spawn(talk(messages, response.into_body(), stopped));
        Self { stop, talking }
    }

    /// Ends the stream and returns how many messages came back.
    pub(crate) async fn close(self) -> u64 {
        self.stop.send(()).expect("the stream broke");
        self.talking.await.expect("the stream broke")
    }
}

async fn talk(
    messages: mpsc::Sender<Bytes>,
    mut answers: Incoming,
    mut stopped: oneshot::Receiver<()>,
) -> u64 {
    let mut said = 0;
    let mut came = BytesMut::new();
    while stopped.try_recv().is_err() {
        messages.send(message(said)).await.unwrap();
        while !take(&mut came, said) {
            let frame = timeout(PATIENCE, answers.frame()).await;
            let frame = frame.expect("no echo came").expect("the stream ended");
            came.extend(frame.unwrap().into_data().expect("the call ended"));
        }
        said += 1;
    }
    drop(messages);
    let mut trailers = None;
    while let Some(frame) = answers.frame().await {
        trailers = frame.unwrap().into_trailers().ok();
    }
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
    said
}

/// gRPC's frame around a message whose second field, `data`, is `number`.
fn message(number: u64) -> Bytes {
    let data = number.to_be_bytes();
    [&[0, 0, 0, 0, 10, 0x12, 8][..], &data].concat().into()
}

/// Takes the whole frame that stands first, if there is one; it must be the echo of `number`.
fn take(came: &mut BytesMut, number: u64) -> bool {
    let Some((mut head, rest)) = came.split_first_chunk::<5>().map(|(h, r)| (&h[1..], r)) else {
        return false;
    };
    let length = head.get_u32() as usize;
    if rest.len() < length {
        return false;
    }
    let echo = came.split_to(5 + length);
    let sent = message(number);
    assert!(
        echo.windows(10).any(|part| *part == sent[5..]),
        "another message came back: {echo:?}"
    );
    true
}

/// A request's body of messages, which ends when their sender is dropped.
struct Messages(mpsc::Receiver<Bytes>);

impl Body for Messages {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|m| m.map(|m| Ok(Frame::data(m))))
    }
}
