//! gRPC without code generation: the service `echo.Echo` in all four kinds of call, and the
//! reflection that tools such as grpcurl ask first.
//!
//! A call's outcome is always in its trailers, as it is for the real thing: a proxy that loses
//! trailers must not pass here.

mod descriptor;
mod echo;
mod frame;
mod reflection;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;

use self::frame::Messages;
use super::body::{Body, Frames, Gone};
use super::service::Service;

/// Whether the request is a gRPC call.
pub(super) fn is_call(request: &Request<Incoming>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"))
}

/// Answers a call; messages go out while others still come in.
pub(super) fn answer(service: &Service, request: Request<Incoming>) -> Response<Body> {
    let method = request.uri().path().to_owned();
    let name = service.name.clone();
    let call = Call {
        messages: Messages::new(request.into_body()),
        served_by: name,
    };
    let mut response = Response::new(Body::stream(|to| run(method, call, to)));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

/// What a method has to work with.
struct Call {
    messages: Messages,
    served_by: String,
}

/// A gRPC status other than OK, or a client that is gone.
enum Failed {
    Status(u8, &'static str),
    Gone,
}

impl From<Gone> for Failed {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

async fn run(method: String, call: Call, to: Frames) -> Result<(), Gone> {
    let done = match method.as_str() {
        "/echo.Echo/Unary" => echo::unary(call, &to).await,
        "/echo.Echo/ClientStream" => echo::client_stream(call, &to).await,
        "/echo.Echo/ServerStream" => echo::server_stream(call, &to).await,
        "/echo.Echo/Bidi" => echo::bidi(call, &to).await,
        reflection::V1 | reflection::V1ALPHA => reflection::info(call, &to).await,
        _ => Err(Failed::Status(12, "this method is not implemented here")),
    };
    match done {
        Ok(()) => to.trailers(status(0, "")).await,
        Err(Failed::Status(code, message)) => to.trailers(status(code, message)).await,
        Err(Failed::Gone) => Err(Gone),
    }
}

fn status(code: u8, message: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    if !message.is_empty() {
        trailers.insert("grpc-message", HeaderValue::from_static(message));
    }
    trailers
}
