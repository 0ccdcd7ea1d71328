//! How an endpoint is chosen, as values; the choosing itself is the proxy's.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Serialize};

use crate::shorten::shorten;
use crate::text::serde_as_text;

/// How requests are spread over the endpoints of an upstream. All respect weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Each in turn, globally over a proxy's workers (`round_robin`, `rr`, `wrr`).
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight (`lc`, `wlc`).
    LeastConnections,
    /// The one that would be done first: (in flight + 1) / weight (`sed`).
    ShortestExpectedDelay,
    /// An idle one at once, else the shortest expected delay (`nq`).
    NeverQueue,
    /// By the client's address (`sh`).
    IpHash,
    /// By a text made from the request, with bounded load (`upstream-hash-by`, `dh`).
    Hash(HashKey),
    /// The faster of two drawn at random, by a moving average of latency (`ewma`).
    PeakEwma,
    /// A policy that this version does not know; served as round robin.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

/// A text made from a request, such as `$request_uri` or `$host$http_x_user`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HashKey(Box<[HashPart]>);

serde_as_text!(HashKey);

/// One piece of a [`HashKey`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HashPart {
    /// This text.
    Literal(Box<str>),
    /// `$request_uri`: path and query as the client sent them.
    RequestUri,
    /// `$uri`: the path in its normal form.
    Uri,
    /// `$args`: the query.
    Args,
    /// `$host`: the host in lower case, without port.
    Host,
    /// `$remote_addr`: the client's address.
    RemoteAddr,
    /// `$http_NAME`: a header field.
    Header(HeaderName),
    /// `$cookie_NAME`: a cookie.
    Cookie(Box<str>),
    /// `$arg_NAME`: a query parameter.
    Arg(Box<str>),
}

/// Why a text cannot be hashed by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashKeyError {
    /// Nothing to hash.
    #[error("it is empty; write for example $request_uri or $http_x_user")]
    Empty,
    /// A variable that is not offered.
    #[error(
        "${0} is not a variable to hash by; use $request_uri, $uri, $args, $host, $remote_addr, $http_NAME, $cookie_NAME or $arg_NAME"
    )]
    Variable(String),
}

impl HashKey {
    /// The pieces, in order.
    pub fn parts(&self) -> &[HashPart] {
        &self.0
    }

    /// By the path and query that the client asked for.
    pub fn request_uri() -> Self {
        Self([HashPart::RequestUri].into())
    }
}

impl FromStr for HashKey {
    type Err = HashKeyError;

    fn from_str(text: &str) -> Result<Self, HashKeyError> {
        let mut parts = Vec::new();
        let mut chunks = text.split('$');
        if let Some(first) = chunks.next().filter(|first| !first.is_empty()) {
            parts.push(HashPart::Literal(first.into()));
        }
        for chunk in chunks {
            let (variable, rest) = variable_and_rest(chunk)?;
            parts.push(variable);
            if !rest.is_empty() {
                parts.push(HashPart::Literal(rest.into()));
            }
        }
        if parts.is_empty() {
            return Err(HashKeyError::Empty);
        }
        Ok(Self(parts.into()))
    }
}

/// Splits what follows a `$`: `host/x` is `$host` and `/x`, `{host}x` is `$host` and `x`.
fn variable_and_rest(chunk: &str) -> Result<(HashPart, &str), HashKeyError> {
    let (name, rest) = match chunk.strip_prefix('{').and_then(|c| c.split_once('}')) {
        Some(braced) => braced,
        None => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            chunk.split_at(chunk.find(|c| !is_name(c)).unwrap_or(chunk.len()))
        }
    };
    let unknown = || HashKeyError::Variable(shorten(name).into());
    let part = match name {
        "request_uri" => HashPart::RequestUri,
        "uri" => HashPart::Uri,
        "args" => HashPart::Args,
        "host" | "http_host" => HashPart::Host,
        "remote_addr" | "binary_remote_addr" => HashPart::RemoteAddr,
        _ => match name.split_once('_') {
            Some(("http", field)) => {
                HashPart::Header(field.replace('_', "-").parse().map_err(|_| unknown())?)
            }
            Some(("cookie", cookie)) if !cookie.is_empty() => HashPart::Cookie(cookie.into()),
            Some(("arg", arg)) if !arg.is_empty() => HashPart::Arg(arg.into()),
            _ => return Err(unknown()),
        },
    };
    Ok((part, rest))
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            HashPart::Literal(text) => f.write_str(text),
            HashPart::RequestUri => f.write_str("${request_uri}"),
            HashPart::Uri => f.write_str("${uri}"),
            HashPart::Args => f.write_str("${args}"),
            HashPart::Host => f.write_str("${host}"),
            HashPart::RemoteAddr => f.write_str("${remote_addr}"),
            HashPart::Header(name) => write!(f, "${{http_{}}}", name.as_str().replace('-', "_")),
            HashPart::Cookie(name) => write!(f, "${{cookie_{name}}}"),
            HashPart::Arg(name) => write!(f, "${{arg_{name}}}"),
        })
    }
}

/// Clients stay with the endpoint they were first given, by a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affinity {
    /// What happens when endpoints come and go.
    pub mode: AffinityMode,
    /// Whether a client gets another endpoint when its own failed.
    #[serde(default)]
    pub change_on_failure: bool,
    /// The cookie.
    pub cookie: Cookie,
}

/// What happens to sessions when endpoints come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AffinityMode {
    /// The cookie is hashed over the endpoints: some sessions move to new endpoints.
    #[default]
    Balanced,
    /// The cookie names its endpoint: no session moves while its endpoint lives.
    Persistent,
}

/// The attributes of an affinity cookie (RFC 6265, section 4.1). It is always `HttpOnly`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// Its name.
    pub name: Box<str>,
    /// `Path`.
    pub path: Box<str>,
    /// `Domain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    /// `SameSite`: `None`, `Lax` or `Strict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<Box<str>>,
    /// Leave `SameSite=None` out for browsers that misread it.
    #[serde(default)]
    pub conditional_same_site_none: bool,
    /// `Expires`, in seconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u32>,
    /// `Max-Age`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// `Secure` also over plain HTTP; over TLS it is always set.
    #[serde(default)]
    pub secure: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_is_read_as_nginx_reads_its_variables() {
        for (text, shown) in [
            ("$request_uri", "${request_uri}"),
            ("$host$uri", "${host}${uri}"),
            ("user-${http_x_user}!", "user-${http_x_user}!"),
            ("$cookie_id/$arg_page", "${cookie_id}/${arg_page}"),
            ("$binary_remote_addr", "${remote_addr}"),
            ("fixed", "fixed"),
        ] {
            let key: HashKey = text.parse().unwrap();
            assert_eq!(key.to_string(), shown);
            assert_eq!(shown.parse(), Ok(key), "{shown} is read back as itself");
        }
    }

    #[test]
    fn what_cannot_be_hashed_by_is_refused_by_name() {
        assert_eq!("".parse::<HashKey>(), Err(HashKeyError::Empty));
        for text in ["$nope", "$", "$http_", "$arg_", "a$cookie_"] {
            let error = text.parse::<HashKey>().unwrap_err().to_string();
            assert!(error.contains("$request_uri"), "{text}: {error}");
        }
    }
}
