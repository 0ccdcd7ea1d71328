//! What a line says of a request that only the log asks for.

use std::net::SocketAddr;
use std::{iter, option, slice};

use http::header::{HOST, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Uri, Version};

use super::Outcome;
use crate::forward;

/// What a line needs of a request's head, taken before the head is changed, and of its way.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) host: Option<HeaderValue>,
    pub(super) referer: Option<HeaderValue>,
    pub(super) user_agent: Option<HeaderValue>,
    pub(super) forwarded_for: Option<HeaderValue>,
    /// The client's own, when that is usable, and then what the endpoint got.
    pub(crate) request_id: Option<HeaderValue>,
    /// The tries before the last.
    pub(crate) earlier: Vec<Try>,
}

/// One try of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    pub(crate) endpoint: SocketAddr,
    /// Its response's, or what nginx says of one that failed.
    pub(crate) status: Option<u16>,
    /// From its beginning to the head of the endpoint's response.
    pub(crate) header_seconds: Option<f64>,
    /// From its beginning to the last byte of the endpoint's response, or to the failure.
    pub(crate) response_seconds: f64,
    /// How much of the response's body was handed on.
    pub(crate) response_length: u64,
}

/// The tries of a request, first to last.
pub(super) type Tries<'a> = iter::Chain<slice::Iter<'a, Try>, option::Iter<'a, Try>>;

pub(super) fn tries<'a>(line: Option<&'a Line>, seen: &'a Outcome<'_>) -> Tries<'a> {
    let earlier = line.map_or(&[][..], |line| &line.earlier);
    earlier.iter().chain(&seen.last)
}

impl Line {
    pub(crate) fn of(parts: &Parts) -> Box<Self> {
        let field = |name: HeaderName| parts.headers.get(name).cloned();
        Box::new(Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            host: field(HOST),
            referer: field(REFERER),
            user_agent: field(USER_AGENT),
            forwarded_for: field(HeaderName::from_static("x-forwarded-for")),
            request_id: forward::request_id(&parts.headers).cloned(),
            earlier: Vec::new(),
        })
    }
}
