//! URLs with places for what a request asked for: `https://www.shop.example$request_uri`.
//!
//! The scheme stands first and the host behind it, so that no client can choose where it is sent:
//! what it wrote begins behind a slash or a question mark.

use std::fmt;
use std::str::FromStr;

use crate::redirect::RequestUrl;
use crate::shorten::shorten;
use crate::text::serde_as_text;

/// A URL with places for parts of the request's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern(Box<[Piece]>);

serde_as_text!(UrlPattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Part(Part),
}

/// A variable of nginx that stands for a part of the request's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Scheme,
    Host,
    RequestUri,
    Uri,
    Args,
}

const PARTS: [(&str, Part); 7] = [
    ("scheme", Part::Scheme),
    ("host", Part::Host),
    ("http_host", Part::Host),
    ("request_uri", Part::RequestUri),
    ("uri", Part::Uri),
    ("args", Part::Args),
    ("query_string", Part::Args),
];

/// Why a text cannot be such a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlPatternError {
    /// Another variable.
    #[error(
        "${0} has no meaning here; $scheme, $host, $request_uri, $uri and $args stand for parts of the request"
    )]
    Variable(String),
    /// It would let a client choose where it is sent, or is no URL at all.
    #[error(
        "it does not begin with a scheme and a host, with what the client wrote behind a slash or a question mark"
    )]
    Origin,
    /// What would have to be escaped.
    #[error("it holds a control character, a space or one beyond ASCII; write it percent-encoded")]
    Character,
}

impl UrlPattern {
    /// The URL for a request.
    pub fn for_request(&self, url: &RequestUrl<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Part(Part::Scheme) => text.push_str(url.scheme()),
                Piece::Part(Part::Host) => text.push_str(url.host),
                Piece::Part(Part::RequestUri) => text.push_str(&url.path_and_query(url.path)),
                Piece::Part(Part::Uri) => text.push_str(url.path),
                Piece::Part(Part::Args) => text.push_str(url.query.unwrap_or_default()),
            }
        }
        text
    }

    /// Whether the scheme and the host come first, and what clients write behind them.
    fn is_safe(&self) -> bool {
        let mut before = String::new();
        for piece in &self.0 {
            let path = before.split_once("://").map(|(_, rest)| rest);
            let fits = match piece {
                Piece::Literal(_) => true,
                Piece::Part(Part::Scheme) => before.is_empty(),
                Piece::Part(Part::Host) => path == Some(""),
                // Both begin with a slash, which ends the host.
                Piece::Part(Part::RequestUri | Part::Uri) => path.is_some_and(|p| !p.is_empty()),
                Piece::Part(Part::Args) => path.is_some_and(|p| p.contains(['/', '?'])),
            };
            if !fits {
                return false;
            }
            before.push_str(match piece {
                Piece::Literal(literal) => literal,
                Piece::Part(Part::Scheme) => "http",
                Piece::Part(Part::Host) => "a",
                Piece::Part(_) => "/",
            });
        }
        let rest = before.strip_prefix("https://");
        let rest = rest.or_else(|| before.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
    }
}

impl FromStr for UrlPattern {
    type Err = UrlPatternError;

    fn from_str(text: &str) -> Result<Self, UrlPatternError> {
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UrlPatternError::Character);
        }
        let mut chunks = text.split('$');
        let mut pieces: Vec<_> = chunks.next().into_iter().filter_map(literal).collect();
        for chunk in chunks {
            let (name, rest) = variable(chunk);
            let part = PARTS.iter().find(|(known, _)| *known == name);
            let (_, part) = part.ok_or_else(|| UrlPatternError::Variable(shorten(name).into()))?;
            pieces.push(Piece::Part(*part));
            pieces.extend(literal(rest));
        }
        let pattern = Self(pieces.into());
        pattern
            .is_safe()
            .then_some(pattern)
            .ok_or(UrlPatternError::Origin)
    }
}

/// The name at the start of what follows a dollar sign, `{}` around it or not, and the rest.
fn variable(chunk: &str) -> (&str, &str) {
    if let Some((name, rest)) = chunk.strip_prefix('{').and_then(|c| c.split_once('}')) {
        return (name, rest);
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = chunk.find(|c| !is_name(c)).unwrap_or(chunk.len());
    chunk.split_at_checked(end).unwrap_or((chunk, ""))
}

fn literal(text: &str) -> Option<Piece> {
    (!text.is_empty()).then(|| Piece::Literal(text.into()))
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Part(part) => {
                let name = PARTS.iter().find(|(_, known)| known == part);
                write!(f, "${{{}}}", name.map_or("", |(name, _)| name))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_stands_for_its_part() {
        let url = RequestUrl {
            https: true,
            host: "shop.example",
            port: Some(8443),
            path: "/a/b",
            query: Some("x=1"),
        };
        for (pattern, expected) in [
            ("https://b.example$request_uri", "https://b.example/a/b?x=1"),
            ("$scheme://www.$host/", ""),
            ("$scheme://$host:8080$uri", "https://shop.example:8080/a/b"),
            ("https://b.example/?from=${host}", ""),
            ("https://b.example/x?$args", "https://b.example/x?x=1"),
            (
                "https://b.example${uri}x?y=2&$query_string",
                "https://b.example/a/bx?y=2&x=1",
            ),
        ] {
            let parsed: Result<UrlPattern, _> = pattern.parse();
            let Ok(parsed) = parsed else {
                assert_eq!(expected, "", "{pattern}");
                continue;
            };
            assert_eq!(parsed.for_request(&url), expected);
            assert_eq!(parsed.to_string().parse(), Ok(parsed), "{pattern}");
        }
    }

    #[test]
    fn no_client_chooses_where_it_is_sent() {
        for pattern in [
            "$request_uri",
            "https://$request_uri",
            "https:$uri",
            "https://$args",
            "https://b$args",
            "https://b.example$args",
            "https://b.example:80$args/",
            "https://b.example$host",
            "$scheme$host",
            "x$scheme://a",
            "https://?$args",
        ] {
            assert_eq!(
                pattern.parse::<UrlPattern>(),
                Err(UrlPatternError::Origin),
                "{pattern}"
            );
        }
        for pattern in [
            "https://a/$arg_x",
            "https://a/$",
            "https://a/$1",
            "https://a/${",
        ] {
            let error = pattern.parse::<UrlPattern>();
            assert!(
                matches!(error, Err(UrlPatternError::Variable(_))),
                "{pattern}"
            );
        }
        assert_eq!(
            "https://a/ $uri".parse::<UrlPattern>(),
            Err(UrlPatternError::Character)
        );
    }
}
