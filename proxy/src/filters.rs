//! What is checked before a request is forwarded, in the order of the route's filters.

use std::ops::ControlFlow;

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Response};
use portreeve_table::{Filter, Location, RequestUrl, Route};

use crate::body::Body;
use crate::challenge;
use crate::conn::Conn;
use crate::error::Error;
use crate::respond;
use crate::target::Target;

/// What the filters leave to be enforced while the body streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The largest body, in bytes.
    pub(crate) body: u64,
}

/// Runs the route's filters over a request.
///
/// # Errors
/// When a filter refuses it.
pub(crate) fn on_request(
    route: &Route,
    parts: &Parts,
    target: &Target,
    conn: &Conn,
) -> Result<ControlFlow<Response<Body>, Limits>, Error> {
    let mut limits = Limits { body: u64::MAX };
    for filter in &route.filters {
        match filter {
            Filter::MaxBody(0) | Filter::HideServer => {}
            Filter::MaxBody(max) if declared_length(&parts.headers) > *max => {
                return Err(Error::BodyTooLarge);
            }
            Filter::MaxBody(max) => limits.body = *max,
            Filter::HttpsRedirect {
                status,
                keep_trailing_slash,
            } => {
                let path = target.path(&parts.uri);
                // Where ACME servers look nothing is redirected, so that certificates can be had
                // before there are any.
                if !conn.is_tls && !path.starts_with(challenge::PATH) {
                    let to = Location::Https {
                        keep_trailing_slash: *keep_trailing_slash,
                    };
                    let location = to.for_request(&url(parts, target, conn), &[]);
                    return Ok(ControlFlow::Break(respond::redirect(*status, &location)));
                }
            }
            Filter::Deny(ranges) if ranges.contains(conn.peer.ip()) => {
                return Err(Error::Forbidden);
            }
            Filter::Allow(ranges) if !ranges.contains(conn.peer.ip()) => {
                return Err(Error::Forbidden);
            }
            Filter::Deny(_) | Filter::Allow(_) => {}
            // Compiling a table closes the routes that hold one.
            Filter::Unknown(_) => return Err(Error::Unavailable("unknown filter".into())),
        }
    }
    Ok(ControlFlow::Continue(limits))
}

/// The request's own URL, to build redirects from.
pub(crate) fn url<'a>(parts: &'a Parts, target: &'a Target, conn: &Conn) -> RequestUrl<'a> {
    RequestUrl {
        https: conn.is_tls,
        host: &target.host,
        port: target.port,
        path: target.path(&parts.uri),
        query: parts.uri.query(),
    }
}

/// What `Content-Length` says; hyper has checked that it is one number.
fn declared_length(headers: &HeaderMap) -> u64 {
    let field = headers.get(CONTENT_LENGTH);
    let text = field.and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
