//! What a request asks for: host, path and query, taken from its head and checked.
//!
//! Two servers that read one head differently are how requests are smuggled and checks passed by,
//! so whatever could be read in two ways is refused here (RFC 9110, sections 4.2 and 7.2;
//! RFC 9112, section 3.2; RFC 9113, section 8.3.1).

use std::borrow::Cow;

use http::header::{EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use portreeve_table::normalize;

use crate::error::{BadRequest, Error};

/// The longest target that is served, in bytes; a longer one is answered with 414.
const MAX_TARGET: usize = 8 * 1024;

/// The most fields of a head; one with more is answered with 431. hyper counts HTTP/1's itself.
const MAX_FIELDS: usize = 100;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host in lower case, without port or trailing dot; empty when HTTP/1.0 named none.
    pub(crate) host: Box<str>,
    /// The port, when one was named.
    pub(crate) port: Option<u16>,
    /// The path in its normal form when that differs from what was sent.
    pub(crate) path: Option<Box<str>>,
}

impl Target {
    /// Reads and checks the head of a request.
    ///
    /// # Errors
    /// With what the request is refused for, where nothing needs to be known about routes.
    pub(crate) fn read(parts: &Parts) -> Result<Self, Error> {
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(Error::Method);
        }
        if parts.headers.len() > MAX_FIELDS {
            return Err(Error::TooManyFields);
        }
        check_framing(parts)?;
        let (host, port) = authority(parts)?;
        let raw = parts.uri.path();
        if parts
            .uri
            .path_and_query()
            .is_some_and(|p| p.as_str().len() > MAX_TARGET)
        {
            return Err(Error::TargetTooLong);
        }
        let path = if raw == "*" {
            None
        } else {
            match normalize(raw).map_err(BadRequest::Path)? {
                Cow::Borrowed(_) => None,
                Cow::Owned(normal) => Some(normal.into()),
            }
        };
        Ok(Self { host, port, path })
    }

    /// The path in its normal form.
    pub(crate) fn path<'a>(&'a self, uri: &'a Uri) -> &'a str {
        self.path.as_deref().unwrap_or_else(|| uri.path())
    }
}

/// Transfer codings other than `chunked` would reach the upstream mislabelled, because hyper only
/// looks at the last one.
fn check_framing(parts: &Parts) -> Result<(), Error> {
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if first.is_some_and(|first| !is_chunked(first)) || codings.next().is_some() {
        return Err(Error::TransferCoding);
    }
    if let Some(expected) = parts.headers.get(EXPECT)
        && !expected.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        return Err(Error::Expectation);
    }
    Ok(())
}

/// The host and port that a request is for.
fn authority(parts: &Parts) -> Result<(Box<str>, Option<u16>), Error> {
    let named = parts.uri.authority().map(|authority| authority.as_str());
    let field = host_field(&parts.headers)?;
    let authority = match (named, field) {
        (Some(named), Some(field)) if !named.eq_ignore_ascii_case(field) => {
            return Err(BadRequest::TwoHosts.into());
        }
        (Some(_), None) if parts.version == Version::HTTP_11 => {
            return Err(BadRequest::NoHost.into());
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) if parts.version <= Version::HTTP_10 => return Ok(("".into(), None)),
        (None, None) => return Err(BadRequest::NoHost.into()),
    };
    split_authority(authority).ok_or_else(|| BadRequest::Host.into())
}

fn host_field(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut fields = headers.get_all(HOST).iter();
    let first = fields.next();
    if fields.next().is_some() {
        return Err(BadRequest::TwoHosts.into());
    }
    let text = first.map(|field| field.to_str().map_err(|_| BadRequest::Host));
    Ok(text.transpose()?)
}

/// Splits `Shop.Example.:8080` into `shop.example` and 8080; `None` when it is no host and port.
fn split_authority(authority: &str) -> Option<(Box<str>, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            (host, Some(port.parse().ok().filter(|_| digits)?))
        }
        _ => (authority, None),
    };
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let legal = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.bytes().all(is_host_byte) && !host.is_empty(),
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    (legal && !name.is_empty()).then(|| (name.to_ascii_lowercase().into(), port))
}

/// Letters, digits, hyphens and dots; underscores, which are no host names but are in use.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn read(request: http::request::Builder) -> Result<Target, Error> {
        Target::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_host_is_read_in_lower_case_without_port_and_dot() {
        for (field, host, port) in [
            ("shop.example", "shop.example", None),
            ("Shop.Example.:8080", "shop.example", Some(8080)),
            ("[::1]:80", "[::1]", Some(80)),
            ("[2001:DB8::1]", "[2001:db8::1]", None),
            ("10.0.0.1", "10.0.0.1", None),
            ("a_b", "a_b", None),
        ] {
            let target = read(Request::get("/").header("host", field)).unwrap();
            assert_eq!((&*target.host, target.port), (host, port), "{field}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for field in [
            "", ".", ":80", "a:", "a:x", "a:+1", "a:65536", "u@a", "a/b", "a,b", "a b", "[::1",
            "[x]", "a:1:2", "::1", "é",
        ] {
            let error = read(Request::get("/").header("host", field)).unwrap_err();
            assert!(
                matches!(error, Error::BadRequest(BadRequest::Host)),
                "{field:?}: {error}"
            );
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        let two = Request::get("/").header("host", "a").header("host", "a");
        assert!(matches!(
            read(two),
            Err(Error::BadRequest(BadRequest::TwoHosts))
        ));
        let other = Request::get("http://a/").header("host", "b");
        assert!(matches!(
            read(other),
            Err(Error::BadRequest(BadRequest::TwoHosts))
        ));
        for target in ["/", "http://a/"] {
            let none = read(Request::get(target));
            let refused = matches!(none, Err(Error::BadRequest(BadRequest::NoHost)));
            assert!(refused, "{target}");
        }
        let modern = read(Request::get("http://a/").version(Version::HTTP_2)).unwrap();
        assert_eq!(&*modern.host, "a");
        let old = read(Request::get("/").version(Version::HTTP_10)).unwrap();
        assert_eq!(&*old.host, "");
    }

    #[test]
    fn methods_and_framings_that_cannot_be_forwarded_are_refused() {
        let connect = Request::connect("a:80").header("host", "a:80");
        assert!(matches!(read(connect), Err(Error::Method)));
        let coding = Request::post("/")
            .header("host", "a")
            .header("transfer-encoding", "gzip, chunked");
        assert!(matches!(read(coding), Err(Error::TransferCoding)));
        let expect = Request::post("/")
            .header("host", "a")
            .header("expect", "miracle");
        assert!(matches!(read(expect), Err(Error::Expectation)));
        let long = Request::get("/".repeat(9000)).header("host", "a");
        assert!(matches!(read(long), Err(Error::TargetTooLong)));
    }

    #[test]
    fn only_a_path_that_changes_is_kept_beside_the_uri() {
        let read = |path: &str| read(Request::get(path).header("host", "a")).unwrap().path;
        assert_eq!(read("/a/b?x=/../"), None);
        assert_eq!(read("/a/../b").as_deref(), Some("/b"));
    }
}
