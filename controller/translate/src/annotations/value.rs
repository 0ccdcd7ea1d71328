//! Parsers for the values of annotations.
//!
//! Their errors say what is wrong with the value and what to write; the name of the annotation,
//! the object and the value itself are added by the engine.

use portreeve_table::{
    HashKey, HostPattern, Location, Policy, Protocol, Ranges, RetryOn, Template, UrlPatternError,
    shorten,
};

use crate::acme::{ChallengeChoice, KeyType};

use super::settings::{BackendProtocol, RetryConditions};

/// Why a value cannot be used, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// What is wrong, as the end of a sentence that begins with the value.
    pub why: String,
    /// What to write.
    pub write: String,
}

pub(super) type Parsed<T> = Result<T, ValueError>;

pub(super) fn error<T>(why: impl Into<String>, write: impl Into<String>) -> Parsed<T> {
    Err(ValueError {
        why: why.into(),
        write: write.into(),
    })
}

/// How long a value may be that every route of an Ingress has a copy of.
const LONGEST: usize = 4096;

pub(super) fn bounded(text: &str) -> Parsed<&str> {
    match text.len() {
        0..=LONGEST => Ok(text),
        length => error(
            format!("has {length} bytes, and {LONGEST} are allowed"),
            "a shorter value",
        ),
    }
}

/// Go's `strconv.ParseBool`, which is what ingress-nginx reads booleans by.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => error("is neither true nor false", "\"true\" or \"false\""),
    }
}

/// A kind of key.
pub(super) fn key_type(text: &str) -> Parsed<KeyType> {
    let kind = text.parse();
    kind.or_else(|_| {
        error(
            "is not a kind of key",
            KeyType::ALL.map(KeyType::as_str).join(", "),
        )
    })
}

/// Kinds of challenges.
pub(super) fn challenge(text: &str) -> Parsed<ChallengeChoice> {
    let choice = text.parse();
    choice.or_else(|_| {
        error(
            "is not a choice of challenges",
            "http-01, tls-alpn-01 or any",
        )
    })
}

/// How long the name of a profile may be, in bytes.
const PROFILE: usize = 64;

/// The name of an authority's profile.
pub(super) fn profile(text: &str) -> Parsed<Box<str>> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match text.len() <= PROFILE && text.bytes().all(legal) {
        true => Ok(text.into()),
        false => error(
            "is not the name of a profile",
            "letters, digits, -, _ and .",
        ),
    }
}

/// A number of seconds without a unit.
pub(super) fn seconds(text: &str) -> Parsed<u32> {
    match text.parse() {
        Ok(0) | Err(_) => {
            let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
            let number = digits.parse().ok().filter(|n: &u32| *n > 0);
            let write = format!("\"{}\"", number.unwrap_or(60));
            error(
                "is not a number of seconds from 1 up, without a unit",
                write,
            )
        }
        Ok(seconds) => Ok(seconds),
    }
}

/// A number from 0 up.
pub(super) fn number(text: &str) -> Parsed<u32> {
    let number = text.parse();
    number.or_else(|_| error("is not a whole number from 0 up", "\"3\""))
}

/// nginx's sizes: bytes, or with `k`, `m` or `g`.
pub(super) fn size(text: &str) -> Parsed<u64> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (text.get(..text.len() - 1), 1 << 10),
        Some(b'm' | b'M') => (text.get(..text.len() - 1), 1 << 20),
        Some(b'g' | b'G') => (text.get(..text.len() - 1), 1 << 30),
        _ => (Some(text), 1),
    };
    let number = digits.unwrap_or_default().parse::<u64>().ok();
    let size = number.and_then(|number| number.checked_mul(unit));
    size.map_or_else(
        || error("is not a size", "\"8m\", with k, m, g or no unit"),
        Ok,
    )
}

/// A status from 300 to `last`; `usual` is what most would write.
pub(super) fn status(text: &str, last: u16, usual: u16) -> Parsed<u16> {
    match text.parse() {
        Ok(status) if (300..=last).contains(&status) => Ok(status),
        _ => error(
            format!("is not a status from 300 to {last}"),
            format!("\"{usual}\""),
        ),
    }
}

/// A path with places for groups, or a URL with such.
pub(super) fn rewrite(text: &str) -> Parsed<Template> {
    let template: Template = match bounded(text)?.parse() {
        Ok(template) => template,
        Err(why) => return error(format!("cannot be used: {why}"), "/ or /$1"),
    };
    let begins_with_group = text.starts_with('$');
    if text.starts_with('/') || begins_with_group || template.is_url() {
        Ok(template)
    } else {
        error("is neither a path nor a URL", format!("/{}", shorten(text)))
    }
}

/// A path on the same host.
pub(super) fn path(text: &str) -> Parsed<Box<str>> {
    if bounded(text)?.starts_with('/') && !text.starts_with("//") && is_visible(text) {
        Ok(text.into())
    } else {
        error("is not a path on the same host", "/app")
    }
}

/// An absolute URL that a `Location` may hold, or one with parts of the request's.
pub(super) fn url(text: &str) -> Parsed<Location> {
    let rest = bounded(text)?
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    if text.contains('$') {
        return match text.parse() {
            Ok(pattern) => Ok(Location::Pattern(pattern)),
            Err(why) => {
                let why: UrlPatternError = why;
                error(
                    format!("cannot be used: {why}"),
                    "https://www.example.com$request_uri",
                )
            }
        };
    }
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && is_visible(text) => {
            Ok(Location::Url(text.into()))
        }
        _ => error(
            "is not a URL with a scheme and a host, percent-encoded where needed",
            "https://shop.example.com/",
        ),
    }
}

/// Names for a host, separated by commas: those that are names, and what is wrong with the first
/// that is none.
pub(super) fn aliases(text: &str) -> (Vec<HostPattern>, Parsed<()>) {
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let (mut good, mut bad) = (Vec::new(), Ok(()));
    for name in names {
        match (HostPattern::parse(name), &bad) {
            (Ok(pattern), _) => good.push(pattern),
            (Err(_), Ok(())) if name.starts_with('~') => {
                bad = error(
                    format!(
                        "names hosts by the regular expression {:?}, which is not offered",
                        shorten(name)
                    ),
                    "each name, or *.shop.example.com",
                );
            }
            (Err(why), Ok(())) => {
                bad = error(
                    format!("holds what cannot be used: {why}"),
                    "www.shop.example.com",
                );
            }
            (Err(_), Err(_)) => {}
        }
    }
    (good, bad)
}

/// The name of a Service in the namespace of the Ingress.
pub(super) fn service_name(text: &str) -> Parsed<Box<str>> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=63).contains(&text.len()) && text.bytes().all(legal) {
        Ok(text.into())
    } else {
        error(
            "is not the name of a Service in the same namespace",
            "a name such as web",
        )
    }
}

/// A `Host` field.
pub(super) fn authority(text: &str) -> Parsed<Box<str>> {
    if bounded(text)?.contains('$') {
        return error(
            "holds a variable of nginx, which has no meaning here",
            "the name itself",
        );
    }
    match text.parse::<http::uri::Authority>() {
        Ok(authority) if !text.contains('@') => Ok(authority.as_str().into()),
        _ => error("is not a host", "shop.example.com"),
    }
}

pub(super) fn protocol(text: &str) -> Parsed<BackendProtocol> {
    Ok(BackendProtocol::Speak(
        match text.to_ascii_uppercase().as_str() {
            "HTTP" => Protocol::Http,
            "HTTPS" => Protocol::Https,
            "GRPC" => Protocol::H2c,
            "GRPCS" => Protocol::H2,
            "AUTO_HTTP" => Protocol::Auto,
            "FCGI" => return Ok(BackendProtocol::FastCgi),
            _ => return error("is not a protocol", "HTTP, HTTPS, GRPC, GRPCS or AUTO_HTTP"),
        },
    ))
}

/// ingress-nginx's names for policies, and those of IPVS.
pub(super) fn policy(text: &str) -> Parsed<Policy> {
    Ok(match text {
        "round_robin" | "rr" | "wrr" => Policy::RoundRobin,
        "ewma" => Policy::PeakEwma,
        "lc" | "wlc" => Policy::LeastConnections,
        "sed" => Policy::ShortestExpectedDelay,
        "nq" => Policy::NeverQueue,
        "sh" => Policy::IpHash,
        "dh" => Policy::Hash(HashKey::request_uri()),
        _ => {
            return error(
                "is not a policy",
                "round_robin, ewma, rr, wrr, lc, wlc, sed, nq, sh or dh",
            );
        }
    })
}

pub(super) fn hash_key(text: &str) -> Parsed<HashKey> {
    if bounded(text)?.contains(char::is_control) {
        return error("holds a control character", "$request_uri");
    }
    let key: Result<HashKey, _> = text.parse();
    key.or_else(|why| error(format!("cannot be used: {why}"), "$request_uri"))
}

/// Failures that may be tried again, separated by spaces.
pub(super) fn retry_on(text: &str) -> Parsed<RetryConditions> {
    let mut conditions = RetryConditions::default();
    for word in text.split_whitespace() {
        match word {
            "off" => return Ok(RetryConditions::default()),
            "non_idempotent" => conditions.non_idempotent = true,
            "error" => conditions.on.push(RetryOn::Error),
            "timeout" => conditions.on.push(RetryOn::Timeout),
            "invalid_header" => conditions.on.push(RetryOn::InvalidHeader),
            _ => {
                let status = word
                    .strip_prefix("http_")
                    .and_then(|code| code.parse().ok());
                match status {
                    Some(s @ (500 | 502 | 503 | 504 | 403 | 404 | 429)) => {
                        conditions.on.push(RetryOn::Status(s));
                    }
                    _ => {
                        return error(
                            format!(
                                "holds {:?}, which is no failure to try again after",
                                shorten(word)
                            ),
                            "error timeout, or also invalid_header, http_502, http_503, http_504, \
                             non_idempotent or off",
                        );
                    }
                }
            }
        }
    }
    conditions.on.sort();
    conditions.on.dedup();
    Ok(conditions)
}

pub(super) fn ranges(text: &str) -> Parsed<Ranges> {
    let ranges: Result<Ranges, _> = text.parse();
    ranges.or_else(|why| error(format!("cannot be used: {why}"), "10.0.0.0/8,192.0.2.7"))
}

pub(super) fn is_visible(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_gos() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean(text), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean(text), Ok(false), "{text}");
        }
        for text in ["yes", "on", "tRUE", " true"] {
            assert!(boolean(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_nginx_units() {
        for (text, bytes) in [
            ("0", 0),
            ("8", 8),
            ("8k", 8192),
            ("2M", 2 << 20),
            ("1g", 1 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "8kb", "-1", "1.5m", "99999999999999999999g", "8é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_with_a_unit_says_what_to_write() {
        assert_eq!(seconds("75"), Ok(75));
        assert_eq!(seconds("30s").unwrap_err().write, "\"30\"");
        assert_eq!(seconds("0").unwrap_err().write, "\"60\"");
    }

    #[test]
    fn what_could_end_a_header_field_is_refused() {
        for text in ["/a\r\nx: y", "//evil.example", "https://a.example", "/a b"] {
            assert!(path(text).is_err(), "{text:?}");
        }
        for text in [
            "https://",
            "https:///x",
            "javascript:x",
            "https://a\r\n",
            "http://$arg_x/",
        ] {
            assert!(url(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_failure_has_its_name() {
        let parsed = retry_on("error timeout http_503 non_idempotent").unwrap();
        assert_eq!(
            parsed.on,
            [RetryOn::Error, RetryOn::Timeout, RetryOn::Status(503)]
        );
        assert!(parsed.non_idempotent);
        assert_eq!(retry_on("error off"), Ok(RetryConditions::default()));
        assert!(retry_on("http_200").unwrap_err().why.contains("http_200"));
    }
}
