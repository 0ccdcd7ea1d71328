//! The responses that the proxy makes itself. Every error becomes one here and nowhere else.
//!
//! A gRPC caller reads `grpc-status`, not the status line, so it gets the same error in its own
//! words: 200 with `grpc-status` (gRPC over HTTP/2, "Responses").

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::error::Error;

/// The name in the `Server` field of responses that have none of their own.
pub(crate) const SERVER_NAME: HeaderValue = HeaderValue::from_static("portreeve");

/// The response to a request that failed.
pub(crate) fn error(error: &Error, is_grpc: bool) -> Response<Body> {
    let status = error.status();
    if is_grpc {
        return grpc(status, &error.to_string());
    }
    if matches!(error, Error::TargetForbidden) {
        return reasoned_page(status, &error.to_string());
    }
    let mut response = page(status);
    if matches!(error, Error::NoEndpoint) {
        let soon = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, soon);
    }
    response
}

/// A short page that says the status.
pub(crate) fn page(status: StatusCode) -> Response<Body> {
    text_page(status, "")
}

/// The same with the reason, where that is not told by the status and is no secret.
fn reasoned_page(status: StatusCode, why: &str) -> Response<Body> {
    text_page(status, &format!(": {why}"))
}

fn text_page(status: StatusCode, why: &str) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or_default();
    let text = format!("{} {reason}{why}\n", status.as_str());
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// An empty response.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Sends the client elsewhere; 502 when the place cannot stand in a header field.
pub(crate) fn redirect(status: u16, location: &str) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    let Ok(location) = HeaderValue::from_str(location) else {
        return page(StatusCode::BAD_GATEWAY);
    };
    let mut response = page(status);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// Whether a request is gRPC's, by its media type.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn grpc(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(grpc_status(status)));
    if let Ok(message) = HeaderValue::from_str(&message.replace('%', "%25")) {
        headers.insert("grpc-message", message);
    }
    headers.insert(SERVER, SERVER_NAME);
    response
}

/// The code that gRPC gives an HTTP status ("HTTP to gRPC Status Code Mapping"), except that what
/// the proxy itself could not do in time is DEADLINE_EXCEEDED.
fn grpc_status(status: StatusCode) -> u16 {
    match status.as_u16() {
        400 | 413 | 414 | 417 => 13,
        401 => 16,
        403 => 7,
        404 | 405 | 501 => 12,
        408 | 504 => 4,
        429 | 502 | 503 => 14,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn a_grpc_caller_gets_its_own_status() {
        for (failure, code) in [
            (Error::NoRoute, "12"),
            (Error::NoEndpoint, "14"),
            (Error::UpstreamTimeout, "4"),
            (Error::Forbidden, "7"),
        ] {
            let response = error(&failure, true);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["grpc-status"], code, "{failure}");
        }
        assert_eq!(error(&Error::NoRoute, false).status(), 404);
    }

    #[tokio::test]
    async fn a_forbidden_target_is_named_as_the_reason_and_no_address_is() {
        let response = error(&Error::TargetForbidden, false);
        assert_eq!(response.status(), 503);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let why = "the Service leads where no request may be sent";
        assert_eq!(body, format!("503 Service Unavailable: {why}\n"));
    }

    #[test]
    fn a_location_cannot_smuggle_a_field() {
        let response = redirect(302, "http://a/\r\nset-cookie: x");
        assert_eq!(response.status(), 502);
    }
}
