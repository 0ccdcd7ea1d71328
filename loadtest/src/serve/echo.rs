//! Answers that say what the service saw, for people and for tests.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use serde::Serialize;

use super::body::Body;
use super::service::Service;

/// The header fields a proxy adds or changes: those that are worth seeing at a glance.
const SHOWN: [&str; 9] = [
    "forwarded",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-real-ip",
    "x-request-id",
];

/// What the service saw of a request.
#[derive(Serialize)]
struct Seen<'a> {
    service: &'a str,
    method: &'a str,
    path: &'a str,
    protocol: String,
    host: Option<String>,
    remote: SocketAddr,
    headers: Vec<(&'a str, String)>,
}

/// What `service` saw: lines for people, JSON for those who accept it.
pub(super) fn seen(
    service: &Service,
    peer: SocketAddr,
    request: &Request<Incoming>,
) -> Response<Body> {
    let authority = request.uri().authority().map(ToString::to_string);
    let seen = Seen {
        service: &service.name,
        method: request.method().as_str(),
        path: request
            .uri()
            .path_and_query()
            .map_or("*", |path| path.as_str()),
        protocol: format!("{:?}", request.version()),
        host: request.headers().get(HOST).map(text).or(authority),
        remote: peer,
        headers: SHOWN
            .iter()
            .flat_map(|name| values(request.headers(), name))
            .collect(),
    };
    match wants_json(request.headers()) {
        true => json(&seen),
        false => typed("text/plain; charset=utf-8", lines(&seen)),
    }
}

fn lines(seen: &Seen<'_>) -> String {
    let host = seen.host.as_deref().unwrap_or("none");
    let mut lines = format!("service: {}\n", seen.service);
    lines += &format!("request: {} {} {}\n", seen.method, seen.path, seen.protocol);
    lines += &format!("host: {host}\nremote: {}\n", seen.remote);
    for (name, value) in &seen.headers {
        lines += &format!("{name}: {value}\n");
    }
    lines
}

/// Every header field, in the order it came, as a JSON list of name and value.
pub(super) fn fields(request: &Request<Incoming>) -> Response<Body> {
    let pair = |(name, value): (&http::HeaderName, &HeaderValue)| (name.to_string(), text(value));
    json(&request.headers().iter().map(pair).collect::<Vec<_>>())
}

/// The request's own body and its type.
pub(super) fn body(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = Response::new(Body::Echo(body));
    if let Some(content_type) = parts.headers.get(CONTENT_TYPE) {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, content_type.clone());
    }
    response
}

fn values<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl Iterator<Item = (&'a str, String)> + 'a {
    headers
        .get_all(name)
        .iter()
        .map(move |value| (name, text(value)))
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

fn json(value: &impl Serialize) -> Response<Body> {
    // Serialising strings and addresses cannot fail; an empty body would show that it did.
    typed(
        "application/json",
        serde_json::to_vec(value).unwrap_or_default(),
    )
}

fn typed(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
