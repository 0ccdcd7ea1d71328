//! What a line says of a request that only the log asks for.

use std::net::SocketAddr;
use std::{iter, option, slice};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HOST, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::Outcome;
use crate::forward;

/// As leniently as nginx reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

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
    pub(super) user: Option<Box<[u8]>>,
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
            user: user(&parts.headers),
            request_id: forward::request_id(&parts.headers).cloned(),
            earlier: Vec::new(),
        })
    }
}

/// Who the client says it is (RFC 7617), whether or not anybody asked; never the password.
fn user(headers: &HeaderMap) -> Option<Box<[u8]>> {
    let credentials = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = credentials.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = BASE64.decode(encoded.trim_ascii_start()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = decoded.get(..colon)?;
    (!user.is_empty()).then(|| user.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_whom_nginx_takes_for_one() {
        for (credentials, expected) in [
            ("Basic am9lOnB3", Some("joe")),
            ("basic   am9lOg", Some("joe")),
            ("Basic am8iZSB4OnB3", Some("jo\"e x")),
            ("Basic am9l", None),
            ("Basic OnB3", None),
            ("Basic !", None),
            ("Basic", None),
            ("Bearer am9lOnB3", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(credentials));
            let found = user(&headers);
            let expected = expected.map(str::as_bytes);
            assert_eq!(found.as_deref(), expected, "{credentials}");
        }
    }
}
