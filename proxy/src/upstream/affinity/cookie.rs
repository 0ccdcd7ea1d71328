//! The `Set-Cookie` field that starts a session (RFC 6265, section 4.1).

use std::fmt::Write as _;

use http::HeaderValue;
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use portreeve_table::Cookie;

use super::same_site::none_is_misread;
use super::session::Session;

/// What a cookie's attributes depend on, beside its configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit<'a> {
    /// Whether the request came over TLS.
    pub(crate) tls: bool,
    /// The time, in seconds since 1970.
    pub(crate) unix_seconds: i64,
    /// The request's `User-Agent`.
    pub(crate) user_agent: Option<&'a str>,
}

/// The field's value; `None` when the configured attributes hold what no field may hold.
///
/// `Secure` cannot be switched off over TLS, nor `HttpOnly` at all.
pub(crate) fn set_cookie(
    cookie: &Cookie,
    session: Session,
    visit: &Visit<'_>,
) -> Option<HeaderValue> {
    let mut field = format!("{}={session}; Path={}", cookie.name, cookie.path);
    let mut attribute = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = write!(field, "; {name}={value}");
    };
    if let Some(domain) = &cookie.domain {
        attribute("Domain", domain);
    }
    if let Some(date) = cookie
        .expires
        .and_then(|after| date(visit.unix_seconds, after))
    {
        attribute("Expires", &date);
    }
    if let Some(seconds) = cookie.max_age {
        attribute("Max-Age", &seconds.to_string());
    }
    if let Some(same_site) = same_site(cookie, visit) {
        attribute("SameSite", same_site);
    }
    if cookie.secure || visit.tls {
        field.push_str("; Secure");
    }
    field.push_str("; HttpOnly");
    HeaderValue::try_from(field).ok()
}

fn date(now: i64, after: u32) -> Option<String> {
    let then = Timestamp::from_second(now.checked_add(i64::from(after))?).ok()?;
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&then)
        .ok()
}

fn same_site<'a>(cookie: &'a Cookie, visit: &Visit<'_>) -> Option<&'a str> {
    let same_site = cookie.same_site.as_deref()?;
    let conditional = cookie.conditional_same_site_none && same_site.eq_ignore_ascii_case("None");
    let misread = conditional && visit.user_agent.is_some_and(none_is_misread);
    (!misread).then_some(same_site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain() -> Cookie {
        Cookie {
            name: "INGRESSCOOKIE".into(),
            path: "/".into(),
            domain: None,
            same_site: None,
            conditional_same_site_none: false,
            expires: None,
            max_age: None,
            secure: false,
        }
    }

    fn written(cookie: &Cookie, tls: bool, user_agent: Option<&str>) -> String {
        let visit = Visit {
            tls,
            unix_seconds: 784_111_770,
            user_agent,
        };
        let field = set_cookie(cookie, Session::new(255), &visit).unwrap();
        field.to_str().unwrap().to_string()
    }

    #[test]
    fn every_attribute_stands_where_it_was_asked_for() {
        let start = "INGRESSCOOKIE=00000000000000ff; Path=/";
        let with = |change: fn(&mut Cookie)| {
            let mut cookie = plain();
            change(&mut cookie);
            cookie
        };
        for (cookie, tls, attributes) in [
            (plain(), false, "; HttpOnly"),
            (plain(), true, "; Secure; HttpOnly"),
            (with(|c| c.secure = true), false, "; Secure; HttpOnly"),
            (
                with(|c| c.domain = Some("shop.example".into())),
                false,
                "; Domain=shop.example; HttpOnly",
            ),
            (
                with(|c| c.expires = Some(7)),
                false,
                "; Expires=Sun, 06 Nov 1994 08:49:37 GMT; HttpOnly",
            ),
            (
                with(|c| c.max_age = Some(3600)),
                false,
                "; Max-Age=3600; HttpOnly",
            ),
            (
                with(|c| c.same_site = Some("Lax".into())),
                false,
                "; SameSite=Lax; HttpOnly",
            ),
        ] {
            let expected = format!("{start}{attributes}");
            assert_eq!(written(&cookie, tls, None), expected);
        }
    }

    #[test]
    fn same_site_none_is_left_out_only_where_it_is_misread_and_asked_for() {
        let old = Some("Mozilla/5.0 (X11; Linux x86_64) Chrome/60.0.0.0 Safari/537.36");
        let mut cookie = plain();
        cookie.same_site = Some("None".into());
        assert!(written(&cookie, true, old).contains("SameSite=None"));
        cookie.conditional_same_site_none = true;
        assert!(!written(&cookie, true, old).contains("SameSite"));
        assert!(written(&cookie, true, None).contains("SameSite=None"));
        cookie.same_site = Some("Strict".into());
        assert!(written(&cookie, true, old).contains("SameSite=Strict"));
    }

    #[test]
    fn a_cookie_cannot_become_two_fields() {
        let mut cookie = plain();
        cookie.path = "/\r\nSet-Cookie: a=b".into();
        let visit = Visit {
            tls: false,
            unix_seconds: 0,
            user_agent: None,
        };
        assert_eq!(set_cookie(&cookie, Session::new(1), &visit), None);
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back(key: u64, now: i64, expires: u32, agent in ".{0,40}") {
            let mut cookie = plain();
            cookie.expires = Some(expires);
            let visit = Visit { tls: true, unix_seconds: now, user_agent: Some(&agent) };
            let field = set_cookie(&cookie, Session::new(key), &visit).unwrap();
            let sent_back = field.as_bytes().split(|b| *b == b';').next().unwrap();
            prop_assert_eq!(Session::read(&cookie.name, [sent_back]), Some(Session::new(key)));
        }
    }
}
