//! A client's request turned into the request that an endpoint gets.
//!
//! Fields that concern only the client's connection go, before ours come: a client can neither
//! remove nor forge what we say about it (RFC 9110, section 7.6.1).

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};
use http_body::SizeHint;
use portreeve_table::{Forward, PathError, is_hop_by_hop, normalize};

use crate::conn::Conn;
use crate::error::{BadRequest, Error};
use crate::target::Target;
use crate::trailers;
use crate::upstream::Transport;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const ORIGINAL_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-original-forwarded-for");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SCHEME: HeaderName = HeaderName::from_static("x-scheme");

/// mTLS verdicts: only a verified handshake may make them.
const CLIENT_CERT: &str = "ssl-client-";

/// Fields that only a proxy in front of an application may set. They are dropped when a client
/// sends them, because applications believe them; those that are ours are set again.
fn is_trusted(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-prefix"
            | "x-forwarded-proto"
            | "x-forwarded-scheme"
            | "x-forwarded-server"
            | "x-original-forwarded-for"
            | "x-original-forwarded-host"
            | "x-original-host"
            | "x-original-method"
            | "x-original-uri"
            | "x-original-url"
            | "x-real-ip"
            | "x-scheme"
            | "forwarded"
            | "proxy"
    )
}

/// Fields that a `Connection` field cannot nominate away, because something depends on them.
pub(crate) fn is_protected(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host" | "content-length" | "authorization" | "cookie" | "x-request-id"
    ) || is_trusted(name)
}

/// Removes what concerns one connection only.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip_nominated(headers);
    remove_where(headers, is_hop_by_hop);
}

/// Removes what `Connection` fields name, as far as they may.
fn strip_nominated(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let nominated: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| !is_protected(name))
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

/// Rewrites the head of a client's request for an endpoint. The target is set by [`uri`].
///
/// `request_id` is asked for when the client gave no usable one.
pub(crate) fn headers(
    parts: &mut Parts,
    target: &Target,
    forward: &Forward,
    transport: Transport,
    conn: &Conn,
    request_id: impl FnOnce() -> HeaderValue,
) {
    let accepts_trailers = accepts_trailers(&parts.headers);
    let headers = &mut parts.headers;
    let trailers = headers.remove(TRAILER);
    strip_nominated(headers);
    join_cookies(headers);
    let claimed = headers.remove(FORWARDED_FOR);
    remove_where(headers, |name| {
        is_hop_by_hop(name) || *name == EXPECT || is_trusted(name) || is_alias(name)
    });
    let host = host_value(headers, &parts.uri, target);
    let scheme = conn.scheme();
    headers.reserve(10);
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(FORWARDED_PROTO, scheme.clone());
    headers.insert(FORWARDED_SCHEME, scheme.clone());
    headers.insert(SCHEME, scheme);
    headers.insert(FORWARDED_FOR, conn.peer_ip.clone());
    headers.insert(REAL_IP, conn.peer_ip.clone());
    headers.insert(FORWARDED_PORT, conn.port.clone());
    if let Some(claimed) = claimed {
        headers.insert(ORIGINAL_FORWARDED_FOR, claimed);
    }
    if self::request_id(headers).is_none() {
        headers.insert(REQUEST_ID, request_id());
    }
    let host = match &forward.host {
        Some(name) => HeaderValue::from_str(name).unwrap_or(host),
        None => host,
    };
    headers.insert(HOST, host);
    if transport.is_multiplexed() && accepts_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(trailers) = trailers.as_ref().and_then(trailers::announced) {
        headers.insert(TRAILER, trailers);
    }
}

/// The host as the client wrote it.
fn host_value(headers: &HeaderMap, uri: &Uri, target: &Target) -> HeaderValue {
    let field = headers.get(HOST).cloned();
    field
        .or_else(|| {
            uri.authority()
                .and_then(|a| HeaderValue::from_str(a.as_str()).ok())
        })
        .or_else(|| HeaderValue::from_str(&target.host).ok())
        .unwrap_or(HeaderValue::from_static(""))
}

/// Whether the client takes trailers, which gRPC needs to be told.
pub(crate) fn accepts_trailers(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TE).iter();
    values.any(|value| {
        let mut codings = value.as_bytes().split(|b| *b == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

/// Removes the fields with such a name. Most requests have few, so each name is looked at once
/// rather than each unwanted one looked for.
fn remove_where(headers: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    let unwanted: Vec<_> = headers
        .keys()
        .filter(|name| is_unwanted(name))
        .cloned()
        .collect();
    for name in unwanted {
        headers.remove(name);
    }
}

/// `X_Real_IP` is `X-Real-IP` to many applications: names with underscores are dropped, as nginx
/// drops them, and so are those that only a verified client certificate may set.
pub(crate) fn is_alias(name: &HeaderName) -> bool {
    name.as_str().contains('_') || name.as_str().starts_with(CLIENT_CERT)
}

/// HTTP/2 clients may split their cookies; HTTP/1 servers read one field (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let all: Vec<_> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// The id that a request has brought along, when that is usable.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(REQUEST_ID).filter(|id| is_request_id(id))
}

/// A client's own id is kept when it is nothing but an id.
fn is_request_id(value: &HeaderValue) -> bool {
    let legal = |b: &u8| b.is_ascii_alphanumeric() || b"-_.=+/:".contains(b);
    (1..=128).contains(&value.len()) && value.as_bytes().iter().all(legal)
}

/// The target of the endpoint's request, and the version that it is sent with.
///
/// # Errors
/// When a rewrite made a path that servers read differently.
pub(crate) fn uri(
    parts: &mut Parts,
    target: &Target,
    rewritten: Option<&str>,
    transport: Transport,
) -> Result<(), Error> {
    let path_and_query = match (rewritten, &target.path) {
        (None, None) => parts.uri.path_and_query().cloned(),
        (None, Some(path)) => Some(with_query(path, parts.uri.query())?),
        (Some(rewritten), _) => {
            let (path, added) = rewritten.split_once('?').unwrap_or((rewritten, ""));
            let path = normalize(path).map_err(Error::Rewrite)?;
            let query = [added, parts.uri.query().unwrap_or_default()];
            let query: Vec<_> = query.into_iter().filter(|part| !part.is_empty()).collect();
            let query = (!query.is_empty()).then(|| query.join("&"));
            Some(with_query(&path, query.as_deref())?)
        }
    };
    let path_and_query = path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
    if transport.is_multiplexed() {
        parts.version = Version::HTTP_2;
        parts.uri = absolute(&mut parts.headers, path_and_query, transport)?;
    } else {
        parts.version = Version::HTTP_11;
        parts.uri = Uri::from(path_and_query);
    }
    Ok(())
}

fn with_query(path: &str, query: Option<&str>) -> Result<PathAndQuery, Error> {
    let parsed = match query {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    parsed.map_err(|_| Error::Rewrite(PathError::NotAPath))
}

/// HTTP/2 carries the host in the target (RFC 9113, section 8.3.1).
fn absolute(
    headers: &mut HeaderMap,
    path_and_query: PathAndQuery,
    transport: Transport,
) -> Result<Uri, Error> {
    let host = headers.remove(HOST).unwrap_or(HeaderValue::from_static(""));
    let authority = Authority::try_from(host.as_bytes());
    let mut parts = http::uri::Parts::default();
    parts.authority = Some(authority.map_err(|_| BadRequest::Host)?);
    parts.path_and_query = Some(path_and_query);
    parts.scheme = Some(match transport {
        Transport::H2 | Transport::Https => Scheme::HTTPS,
        Transport::H2c | Transport::Http => Scheme::HTTP,
    });
    Uri::from_parts(parts).map_err(|_| BadRequest::Host.into())
}

/// Frames a request's body as one reader and no other would (RFC 9112, section 6).
///
/// hyper forwards a length as it was written, and takes a GET without one to have no body.
pub(crate) fn frame(parts: &mut Parts, body: &SizeHint, has_body: bool) {
    match body.exact() {
        Some(length) if parts.headers.contains_key(CONTENT_LENGTH) => {
            parts
                .headers
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        None if has_body && parts.version == Version::HTTP_11 => {
            let chunked = HeaderValue::from_static("chunked");
            parts.headers.insert(TRANSFER_ENCODING, chunked);
        }
        // Trailers come after chunks only.
        None if has_body => {}
        _ => drop(parts.headers.remove(TRAILER)),
    }
}

/// Whether a request asks to become a WebSocket; every other upgrade is stripped.
pub(crate) fn wants_websocket(parts: &Parts) -> bool {
    let mut upgrade = parts.headers.get_all(UPGRADE).iter();
    let first = upgrade.next();
    let mut connection = parts.headers.get_all(CONNECTION).iter();
    parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && first.is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && upgrade.next().is_none()
        && connection.any(|value| {
            let mut tokens = value.as_bytes().split(|b| *b == b',');
            tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

/// Asks the endpoint for the upgrade that the client asked for.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        fields.collect()
    }

    #[test]
    fn nominated_fields_go_but_not_those_that_matter() {
        let mut headers = map(&[
            (
                "connection",
                "close, x-secret, X-Forwarded-For, Host, authorization",
            ),
            ("x-secret", "1"),
            ("x-forwarded-for", "1.2.3.4"),
            ("host", "a"),
            ("authorization", "Basic x"),
            ("keep-alive", "1"),
            ("te", "gzip"),
            ("proxy-authorization", "x"),
            ("http2-settings", "x"),
        ]);
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "host", "x-forwarded-for"]);
    }

    #[test]
    fn cookies_are_joined() {
        let mut headers = map(&[("cookie", "a=1")]);
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut headers);
        assert_eq!(headers.get_all(COOKIE).iter().count(), 1);
        assert_eq!(headers[COOKIE], "a=1; b=2");
    }

    #[test]
    fn an_id_is_kept_only_when_it_is_one() {
        for (id, kept) in [
            ("abc-123", true),
            ("", false),
            ("a b", false),
            ("\"x", false),
        ] {
            assert_eq!(is_request_id(&HeaderValue::from_static(id)), kept, "{id:?}");
        }
    }
}
