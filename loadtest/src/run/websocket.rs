//! A WebSocket that sends a message and waits until it comes back.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http::header::HOST;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::dial::Stream;
use super::failure::Failure;
use super::plan::Plan;

/// An open WebSocket.
pub(super) struct Socket(WebSocketStream<Stream>);

impl Socket {
    /// Makes the handshake.
    pub(super) async fn open(stream: Stream, plan: &Plan) -> Result<Self, Failure> {
        let request = handshake(plan).map_err(|error| Failure::upgrade(&error))?;
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(error) => Err(Failure::upgrade(&error)),
        }
    }

    /// Sends `data` and expects the same back; returns its length.
    pub(super) async fn echo(&mut self, data: &Bytes) -> Result<u64, Failure> {
        match self.say(Message::Binary(data.clone())).await? {
            Message::Binary(back) if back == *data => Ok(back.len() as u64),
            _ => Err(Failure::Differs),
        }
    }

    /// Sends `message` and returns the next one.
    pub(super) async fn say(&mut self, message: Message) -> Result<Message, Failure> {
        let broken = |error| Failure::NoResponse(Failure::root(&error));
        self.0.send(message).await.map_err(broken)?;
        loop {
            match self.0.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => {
                    return Err(Failure::CutShort("the WebSocket was closed".into()));
                }
                Some(message) => return message.map_err(broken),
            }
        }
    }

    /// Says goodbye and waits for the other side to do so.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        let broken = |error: tungstenite::Error| Failure::CutShort(Failure::root(&error));
        self.0.close(None).await.map_err(broken)?;
        while let Some(message) = self.0.next().await {
            message.map_err(broken)?;
        }
        Ok(())
    }
}

fn handshake(plan: &Plan) -> tungstenite::Result<Request<()>> {
    // The library wants a whole URL, and sends its path and the Host field only.
    let url = format!("ws://{}{}", plan.authority, plan.path);
    let mut request = url.into_client_request()?;
    let host = plan.authority.as_str().parse().map_err(http::Error::from)?;
    request.headers_mut().insert(HOST, host);
    Ok(request)
}
