//! What the choice of a backend and an endpoint depends on, taken from the request.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::COOKIE;
use http::request::Parts;
use portreeve_table::{Backend, HashKey, HashPart, Policy};

use crate::conn::Conn;
use crate::target::Target;
use crate::upstream::stable_hash;

/// Draws one of several backends by weight.
pub(crate) fn draw(backends: &[Backend], random: u64) -> Option<&Backend> {
    if let [only] = backends {
        return Some(only);
    }
    let total: u64 = backends
        .iter()
        .map(|backend| u64::from(backend.weight))
        .sum();
    let mut left = random.checked_rem(total)?;
    backends.iter().find(|backend| {
        let weight = u64::from(backend.weight);
        let is_drawn = left < weight;
        left = left.saturating_sub(weight);
        is_drawn
    })
}

/// What a policy hashes by; 0 when it does not hash.
pub(crate) fn hash(policy: &Policy, parts: &Parts, target: &Target, conn: &Conn) -> u64 {
    match policy {
        Policy::IpHash => stable_hash(conn.peer_ip.as_bytes()),
        Policy::Hash(key) => stable_hash(&text(key, parts, target, conn)),
        _ => 0,
    }
}

fn text(key: &HashKey, parts: &Parts, target: &Target, conn: &Conn) -> Vec<u8> {
    let mut text = Vec::new();
    for part in key.parts() {
        match part {
            HashPart::Literal(literal) => text.extend(literal.bytes()),
            HashPart::RequestUri => {
                let asked = parts.uri.path_and_query();
                text.extend(asked.map_or("/", |asked| asked.as_str()).bytes());
            }
            HashPart::Uri => text.extend(target.path(&parts.uri).bytes()),
            HashPart::Args => text.extend(parts.uri.query().unwrap_or_default().bytes()),
            HashPart::Host => text.extend(target.host.bytes()),
            HashPart::RemoteAddr => text.extend(conn.peer_ip.as_bytes()),
            HashPart::Header(name) => {
                let values = parts.headers.get_all(name).iter();
                values.for_each(|value| text.extend(value.as_bytes()));
            }
            HashPart::Cookie(name) => text.extend(cookie(&parts.headers, name).unwrap_or_default()),
            HashPart::Arg(name) => text.extend(argument(parts, name).unwrap_or_default().bytes()),
        }
    }
    text
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let fields = headers.get_all(COOKIE).iter();
    let mut pairs = fields.flat_map(|field| field.as_bytes().split(|b| *b == b';'));
    pairs.find_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    })
}

fn argument<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut pairs = parts.uri.query()?.split('&');
    pairs.find_map(|pair| {
        pair.split_once('=')
            .filter(|(n, _)| *n == name)
            .map(|(_, v)| v)
    })
}

/// 32 hexadecimal digits from two random numbers.
pub(crate) fn hex(high: u64, low: u64) -> String {
    let bytes = high.to_be_bytes().into_iter().chain(low.to_be_bytes());
    let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = String::with_capacity(32);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    text
}

/// Seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() as i64)
}
