//! Parsers for the values of annotations about cookies and the affinity that they keep.

use portreeve_table::{AffinityMode, HostPattern};

use super::value::{Parsed, bounded, error, is_visible};

pub(super) fn affinity(text: &str) -> Parsed<bool> {
    match text {
        "cookie" => Ok(true),
        _ => error("is not a kind of affinity", "cookie"),
    }
}

pub(super) fn affinity_mode(text: &str) -> Parsed<AffinityMode> {
    match text {
        "balanced" => Ok(AffinityMode::Balanced),
        "persistent" => Ok(AffinityMode::Persistent),
        _ => error("is not a mode of affinity", "balanced or persistent"),
    }
}

/// The name of a cookie: a token (RFC 6265, section 4.1.1).
pub(super) fn name(text: &str) -> Parsed<Box<str>> {
    let legal = |b: u8| b.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&b);
    if !bounded(text)?.is_empty() && text.bytes().all(legal) {
        Ok(text.into())
    } else {
        error("is not a name for a cookie", "INGRESSCOOKIE")
    }
}

/// Whether a text can be the value of a cookie's attribute: nothing in it could start another one.
pub(crate) fn is_attribute(text: &str) -> bool {
    is_visible(text) && !text.contains([';', ','])
}

pub(super) fn path(text: &str) -> Parsed<Box<str>> {
    match bounded(text)?.starts_with('/') && is_attribute(text) {
        true => Ok(text.into()),
        false => error("is not the path of a cookie", "/"),
    }
}

pub(super) fn domain(text: &str) -> Parsed<Box<str>> {
    match HostPattern::parse(text.strip_prefix('.').unwrap_or(text)) {
        Ok(HostPattern::Exact(_)) => Ok(text.into()),
        _ => error("is not the domain of a cookie", "shop.example.com"),
    }
}

pub(super) fn same_site(text: &str) -> Parsed<Box<str>> {
    let known = ["None", "Lax", "Strict"];
    let known = known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(text));
    known.map_or_else(
        || error("is not a SameSite mode", "None, Lax or Strict"),
        |k| Ok(k.into()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_start_another_attribute_is_refused() {
        for text in ["a;b", "a=b", "", "a b"] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert!(path("/; Domain=evil.example").is_err());
        assert!(domain("a; b").is_err());
    }
}
