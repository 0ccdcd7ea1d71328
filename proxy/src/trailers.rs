//! Trailers: what may be said after a body, and what only a head may say.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::Frame;
use portreeve_table::is_hop_by_hop;

use crate::body::BodyError;
use crate::forward;

/// The largest trailers, in bytes of names and values.
const MAX: usize = 8 * 1024;

/// Removes from a response's trailers what would change what its head said.
///
/// # Errors
/// When they are too large.
pub(crate) fn of_response(frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
    cleaned(frame, is_head_only)
}

/// The same for a request's, and what no client may say.
///
/// # Errors
/// When they are too large.
pub(crate) fn of_request(frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
    cleaned(frame, |name| is_head_only(name) || forward::is_alias(name))
}

fn cleaned(
    frame: Frame<Bytes>,
    is_forbidden: impl Fn(&HeaderName) -> bool,
) -> Result<Frame<Bytes>, BodyError> {
    let mut trailers = match frame.into_trailers() {
        Ok(trailers) => trailers,
        Err(data) => return Ok(data),
    };
    if size(&trailers) > MAX {
        return Err(BodyError::TrailersTooLarge);
    }
    let forbidden = trailers.keys().filter(|name| is_forbidden(name)).cloned();
    for name in forbidden.collect::<Vec<_>>() {
        trailers.remove(name);
    }
    Ok(Frame::trailers(trailers))
}

/// Whether a field is about framing, routing, authorization or content (RFC 9110, section 6.5.1).
fn is_head_only(name: &HeaderName) -> bool {
    const CONTENT: [HeaderName; 5] = [
        header::SET_COOKIE,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::MAX_FORWARDS,
    ];
    is_hop_by_hop(name) || forward::is_protected(name) || CONTENT.contains(name)
}

/// How large trailers are.
fn size(trailers: &HeaderMap) -> usize {
    let sizes = trailers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    sizes.sum()
}

/// What a request's `Trailer` field announces of what is forwarded: hyper sends nothing else.
pub(crate) fn announced(field: &HeaderValue) -> Option<HeaderValue> {
    let names = field.as_bytes().split(|b| *b == b',');
    let names = names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
    let legal: Vec<_> = names
        .filter(|name| !is_head_only(name) && !forward::is_alias(name))
        .collect();
    let names: Vec<_> = legal.iter().map(HeaderName::as_str).collect();
    let field = HeaderValue::try_from(names.join(", ")).ok();
    field.filter(|_| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_head_is_removed() {
        let mut trailers = HeaderMap::new();
        for name in ["host", "content-length", "x-forwarded-for", "a_b", "x-sum"] {
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        let left = |frame: Result<Frame<Bytes>, _>| {
            let trailers = frame.unwrap().into_trailers().unwrap();
            let mut names: Vec<_> = trailers.keys().map(ToString::to_string).collect();
            names.sort_unstable();
            names
        };
        let trailers = || Frame::trailers(trailers.clone());
        assert_eq!(left(of_request(trailers())), ["x-sum"]);
        assert_eq!(left(of_response(trailers())), ["a_b", "x-sum"]);
    }

    #[test]
    fn only_what_is_forwarded_is_announced() {
        let announced = |field| announced(&HeaderValue::from_static(field));
        assert_eq!(announced("x-sum, Host,, a_b").unwrap(), "x-sum");
        assert_eq!(announced("host"), None);
    }
}
