//! Annotations that no table knows: misspelt, outdated, or on the wrong object.

use portreeve_table::shorten;

use super::table::all;
use super::{OWN_PREFIX, field};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::ObjectRef;

/// How alike two names must be for one to be offered for the other, from 0 to 1.
const ALIKE: f64 = 0.8;

/// Names that once did something, or are mistaken often: how they begin, and what to do now.
const ONCE: &[(&str, &str)] = &[
    (
        "add-base-url",
        "nothing: let the application write relative links",
    ),
    (
        "base-url-scheme",
        "nothing: let the application write relative links",
    ),
    ("enable-dynamic-tls-records", "nothing"),
    ("enable-influxdb", "nothing: read /metrics instead"),
    ("enable-opentracing", "nothing: traces are not offered yet"),
    (
        "global-rate-limit",
        "nothing: rate limits are not offered yet",
    ),
    ("grpc-backend", "backend-protocol: GRPC"),
    ("influxdb-", "nothing: read /metrics instead"),
    ("ingress.class", "spec.ingressClassName"),
    (
        "lua-resty-waf",
        "nothing: put a web application firewall before the proxy",
    ),
    ("opentracing-", "nothing: traces are not offered yet"),
    ("secure-backends", "backend-protocol: HTTPS"),
    (
        "secure-verify-ca-secret",
        "nothing: certificates of backends are not checked yet",
    ),
    (
        "session-cookie-hash",
        "nothing: the cookie's value is always hashed",
    ),
    (
        "upstream-fail-timeout",
        "nothing: failing endpoints are set aside by themselves",
    ),
    (
        "upstream-max-fails",
        "nothing: failing endpoints are set aside by themselves",
    ),
    (
        "weight",
        "it on an EndpointSlice, whose endpoints it weighs",
    ),
];

/// How many of an object's are each named; there is no end of misspelt ones.
const NAMED: usize = 20;

/// What is said of annotations, given as key and name.
pub(super) fn diagnose(object: &ObjectRef, unknown: &[(&str, &str)]) -> Vec<Diagnostic> {
    let named = unknown.iter().take(NAMED);
    let mut found: Vec<_> = named.map(|(key, name)| one(object, key, name)).collect();
    if let Some((key, _)) = unknown.get(NAMED) {
        let more = unknown.len().saturating_sub(NAMED);
        let message = format!(
            "There are {more} more annotations of unknown names, from here on; they do nothing."
        );
        let more = Diagnostic::new(Code::AnnotationUnknown, object.clone(), message);
        found.push(more.field(field(&shorten(key))));
    }
    found
}

fn one(object: &ObjectRef, key: &str, name: &str) -> Diagnostic {
    let once = ONCE.iter().find(|(start, _)| name.starts_with(start));
    let (message, hint) = match (once, nearest(name)) {
        (Some((_, instead)), _) => (
            "There is no annotation of this name any more, or not here; it does nothing.".into(),
            (*instead).into(),
        ),
        (None, Some(near)) if near == name => (
            format!("There is no annotation of this name but under {OWN_PREFIX}; it does nothing."),
            format!("{OWN_PREFIX}{name}"),
        ),
        (None, Some(near)) => (
            format!("There is no annotation of this name; did you mean {near}? It does nothing."),
            key.replace(name, near),
        ),
        (None, None) => (
            "There is no annotation of this name; it does nothing.".into(),
            format!("one of docs/annotations.md, such as {OWN_PREFIX}rewrite-target, or nothing"),
        ),
    };
    let found = Diagnostic::new(Code::AnnotationUnknown, object.clone(), message);
    found.field(field(&shorten(key))).hint(hint)
}

fn nearest(name: &str) -> Option<&'static str> {
    let names = all().flat_map(|a| [Some(a.name), a.alias]).flatten();
    // A name cannot be more alike than it is long.
    let alike = |known: &&str| {
        let (shorter, longer) = (name.len().min(known.len()), name.len().max(known.len()));
        shorter as f64 >= ALIKE * longer as f64
    };
    let scored = names
        .filter(alike)
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let (score, known) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (score >= ALIKE).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_recognised() {
        for (name, expected) in [
            ("rewrite-traget", Some("rewrite-target")),
            ("proxy-read-timeouts", Some("proxy-read-timeout")),
            ("white-list-source-range", Some("whitelist-source-range")),
            ("something-else", None),
            ("", None),
        ] {
            assert_eq!(nearest(name), expected, "{name}");
        }
    }
}
