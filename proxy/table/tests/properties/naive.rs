//! Matching as the heads of host.rs and paths.rs tell it: for every request, every rule is read.
use std::cmp::Reverse;

use http::{HeaderName, Method};
use portreeve_table::*;

/// The route that takes a request. `regex` says whether an expression matches.
pub(crate) fn route<'c>(
    config: &'c Config,
    target: &Target<'_>,
    regex: &dyn Fn(&PathRegex, &[u8]) -> bool,
) -> Option<&'c Route> {
    let rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(name) => (**name == *target.host).then_some(0),
        HostPattern::Wildcard(parent) => {
            let (_, rest) = target.host.split_once('.')?;
            (*rest == **parent).then_some(1)
        }
        HostPattern::Any => Some(2),
    };
    let hosts = config.hosts.iter();
    let hosts = hosts.filter_map(|(pattern, host)| Some((rank(pattern)?, host)));
    let (_, host) = hosts.min_by_key(|(rank, _)| *rank)?;
    let path = decoded(target.path);
    let takes = |route: &&Route| match &route.path {
        PathMatch::Exact(rule) => decoded(rule.as_str()) == path,
        PathMatch::Prefix(rule) => elements(&path).starts_with(&elements(&decoded(rule.as_str()))),
        PathMatch::Regex(rule) => regex(rule, &path),
    };
    let routes = host.routes.iter().filter(takes);
    let routes = routes.filter(|route| hold(&route.conditions, target));
    routes.min_by_key(|route| match &route.path {
        PathMatch::Exact(_) => (0, Reverse(0), 0, Reverse("")),
        PathMatch::Prefix(rule) => (1, Reverse(rule.as_str().len()), 0, Reverse("")),
        PathMatch::Regex(rule) => (1, Reverse(rule.pattern.len()), 1, Reverse(&*rule.pattern)),
    })
}

/// Escapes taken back where that cannot add a separator; repeated slashes made one.
fn decoded(path: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = path;
    while let Some(byte) = rest.bytes().next() {
        let digits = rest.strip_prefix('%').and_then(|rest| rest.get(..2));
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let escaped = escaped.filter(|byte| !b"/\\;%".contains(byte));
        if byte != b'/' || bytes.last() != Some(&b'/') {
            bytes.push(escaped.unwrap_or(byte));
        }
        let length = if escaped.is_some() { 3 } else { 1 };
        rest = rest.get(length..).unwrap_or("");
    }
    bytes
}

fn elements(path: &[u8]) -> Vec<&[u8]> {
    path.split(|b| *b == b'/')
        .filter(|e| !e.is_empty())
        .collect()
}

fn hold(conditions: &Conditions, target: &Target<'_>) -> bool {
    let is = |wanted: &ValueMatch, value: &[u8]| match wanted {
        ValueMatch::Present => true,
        ValueMatch::Exact(text) => text.as_bytes() == value,
    };
    let method = |method: &Text<Method>| method.0 == target.method;
    let header = |(name, wanted): &(Text<HeaderName>, ValueMatch)| {
        let mut values = target.headers.get_all(&name.0).iter();
        values.any(|value| is(wanted, value.as_bytes()))
    };
    let parameter = |(name, wanted): &(Box<str>, ValueMatch)| {
        let pairs = target.query.unwrap_or("").split('&');
        let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.any(|(n, value)| *n == **name && is(wanted, value.as_bytes()))
    };
    (conditions.methods.is_empty() || conditions.methods.iter().any(method))
        && conditions.headers.iter().all(header)
        && conditions.query.iter().all(parameter)
}
