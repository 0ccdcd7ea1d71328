//! Where a client is sent instead of being served, and the `Location` that says so.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::pattern::UrlPattern;
use crate::rewrite::Template;

/// A redirect: a status and a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The status, 300 to 308.
    pub status: u16,
    /// The place.
    pub to: Location,
}

/// The place a client is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// Exactly this URL, whatever was asked for.
    Url(Box<str>),
    /// This URL, with parts of the request's own put in.
    Pattern(UrlPattern),
    /// This URL, with the groups of the route's regular expression put in and the query kept.
    Template(Template),
    /// This path on the host that was asked for.
    Path(Box<str>),
    /// The same URL over `https`.
    Https {
        /// Whether a trailing slash of the path is kept; ingress-nginx strips one.
        keep_trailing_slash: bool,
    },
    /// The same URL on this host; one trailing slash of the path is stripped, as ingress-nginx does.
    Host(Box<str>),
    /// The same URL with a slash behind its path.
    WithTrailingSlash,
}

/// The request's own URL, in the parts that a `Location` is made of.
#[derive(Clone, Copy, Debug)]
pub struct RequestUrl<'a> {
    /// Whether the client's request came over TLS.
    pub https: bool,
    /// The host as asked for, in lower case, without port.
    pub host: &'a str,
    /// The port as asked for, when it was given.
    pub port: Option<u16>,
    /// The path in its normal form.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
}

impl RequestUrl<'_> {
    pub(crate) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    fn origin(&self, host: &str) -> String {
        let mut origin = format!("{}://{host}", self.scheme());
        if let Some(port) = self.port {
            let _ = write!(origin, ":{port}");
        }
        origin
    }

    /// A URL with the request's query behind its own, if it has one.
    fn with_query(&self, there: String) -> String {
        match self.query {
            Some(query) if there.contains('?') => format!("{there}&{query}"),
            _ => self.path_and_query(&there),
        }
    }

    pub(crate) fn path_and_query(&self, path: &str) -> String {
        match self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_string(),
        }
    }

    fn without_trailing_slash(&self) -> String {
        self.path_and_query(match self.path.strip_suffix('/') {
            Some("") | None => self.path,
            Some(shorter) => shorter,
        })
    }
}

impl Location {
    /// The value of the `Location` field.
    ///
    /// `groups` are the texts of the route's regular expression, the whole match first.
    pub fn for_request(&self, url: &RequestUrl<'_>, groups: &[&str]) -> String {
        match self {
            Self::Url(there) => there.to_string(),
            Self::Pattern(pattern) => pattern.for_request(url),
            Self::Template(template) => url.with_query(template.expand(groups)),
            Self::Path(path) => url.origin(url.host) + path,
            Self::Https {
                keep_trailing_slash: true,
            } => format!("https://{}{}", url.host, url.path_and_query(url.path)),
            Self::Https {
                keep_trailing_slash: false,
            } => format!("https://{}{}", url.host, url.without_trailing_slash()),
            Self::Host(host) => url.origin(host) + &url.without_trailing_slash(),
            Self::WithTrailingSlash => {
                url.origin(url.host) + &url.path_and_query(&format!("{}/", url.path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_location_is_built_from_the_request() {
        let url = RequestUrl {
            https: false,
            host: "shop.example",
            port: Some(8080),
            path: "/a/",
            query: Some("x=1"),
        };
        for (location, expected) in [
            (
                Location::Url("https://b.example/".into()),
                "https://b.example/",
            ),
            (
                Location::Template("https://b.example/$1".parse().unwrap()),
                "https://b.example/g?x=1",
            ),
            (
                Location::Template("https://b.example/?p=$1".parse().unwrap()),
                "https://b.example/?p=g&x=1",
            ),
            (
                Location::Pattern("https://b.example$request_uri".parse().unwrap()),
                "https://b.example/a/?x=1",
            ),
            (
                Location::Path("/app".into()),
                "http://shop.example:8080/app",
            ),
            // nginx leaves the plain port out: the TLS one is another.
            (
                Location::Https {
                    keep_trailing_slash: true,
                },
                "https://shop.example/a/?x=1",
            ),
            (
                Location::Https {
                    keep_trailing_slash: false,
                },
                "https://shop.example/a?x=1",
            ),
            (
                Location::Host("www.shop.example".into()),
                "http://www.shop.example:8080/a?x=1",
            ),
            (
                Location::WithTrailingSlash,
                "http://shop.example:8080/a//?x=1",
            ),
        ] {
            assert_eq!(
                location.for_request(&url, &["/a/", "g"]),
                expected,
                "{location:?}"
            );
        }
    }

    #[test]
    fn the_root_keeps_its_slash() {
        let url = RequestUrl {
            https: false,
            host: "shop.example",
            port: None,
            path: "/",
            query: None,
        };
        let https = Location::Https {
            keep_trailing_slash: false,
        };
        assert_eq!(https.for_request(&url, &[]), "https://shop.example/");
    }
}
