//! How a request can fail, in kinds that are worth telling apart.

use std::error::Error;
use std::io;

use tokio_tungstenite::tungstenite;

/// How a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection was not made.
    #[error("connect: {0}")]
    Connect(io::ErrorKind),
    /// The TLS handshake failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// HTTP or WebSocket would not start on the connection.
    #[error("handshake: {0}")]
    Handshake(String),
    /// The connection broke before the response head.
    #[error("no response: {0}")]
    NoResponse(String),
    /// The connection broke within the response body.
    #[error("response cut short: {0}")]
    CutShort(String),
    /// The status is not the expected one.
    #[error("status {0}")]
    Status(u16),
    /// The call ended with another gRPC status than OK.
    #[error("gRPC status {0}")]
    GrpcStatus(String),
    /// A gRPC response without the trailers that say how the call ended.
    #[error("gRPC trailers are missing")]
    NoTrailers,
    /// What came back is not what was sent.
    #[error("the echo differs")]
    Differs,
    /// It took too long.
    #[error("timed out")]
    TimedOut,
}

impl Failure {
    /// The innermost cause, which says most in the fewest words.
    pub(super) fn root(error: &(dyn Error + 'static)) -> String {
        let mut cause = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        cause.to_string()
    }

    pub(super) fn no_response(error: &hyper::Error) -> Self {
        Self::NoResponse(Self::root(error))
    }

    pub(super) fn cut_short(error: &hyper::Error) -> Self {
        Self::CutShort(Self::root(error))
    }

    /// A WebSocket's handshake can also fail with a plain response.
    pub(super) fn upgrade(error: &tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Http(response) => Self::Status(response.status().as_u16()),
            error => Self::Handshake(Self::root(error)),
        }
    }
}
