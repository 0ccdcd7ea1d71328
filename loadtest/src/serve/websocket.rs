//! A WebSocket that says back what it hears: text and binary messages, pings and closes.
//!
//! The frames are tungstenite's work. The handshake is checked here as RFC 6455, section 4.2.1
//! has it, so that a proxy that loses one of its header fields is found out.

use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::body::Body;

/// The largest message it says back.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Whether the client wants to leave HTTP for WebSocket.
pub(super) fn is_asked(request: &Request<Incoming>) -> bool {
    has_token(request.headers(), &UPGRADE, "websocket")
}

/// Switches protocols, or says what is wrong with the handshake.
pub(super) fn accept(mut request: Request<Incoming>) -> Response<Body> {
    let accepted = match accept_key(&request) {
        Ok(accepted) => accepted,
        Err(refused) => return refused.response(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(stream) = upgrade.await {
            echo(stream).await;
        }
    });
    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    response
}

/// What is wrong with a handshake.
struct Refused(StatusCode, &'static str);

impl Refused {
    fn response(self) -> Response<Body> {
        let Self(status, why) = self;
        let mut response = Response::new(Body::whole(why));
        *response.status_mut() = status;
        let spoken = HeaderValue::from_static("13");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, spoken);
        response
    }
}

fn accept_key(request: &Request<Incoming>) -> Result<HeaderValue, Refused> {
    let headers = request.headers();
    let bad = |why| Refused(StatusCode::BAD_REQUEST, why);
    if request.method() != Method::GET || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(bad("a WebSocket starts with GET and Connection: Upgrade\n"));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let why = "only version 13 is spoken here\n";
        return Err(Refused(StatusCode::UPGRADE_REQUIRED, why));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| bad("Sec-WebSocket-Key is missing\n"))?;
    HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| bad("Sec-WebSocket-Key cannot be answered\n"))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut tokens = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','));
    tokens.any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// Pings and closes are answered by the library as it reads; messages go back as they came.
async fn echo(stream: hyper::upgrade::Upgraded) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let io = TokioIo::new(stream);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}
