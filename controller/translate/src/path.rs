//! One claimed path to what the table matches by: literal or a regular expression.
//!
//! This is the only place where the two profiles read a path differently.

use portreeve_table::{NormalPath, PathError, PathMatch, PathRegex, RegexError};

use crate::ingress::{Claims, PathClaim, PathType};
use crate::options::Profile;

/// How a path is matched, and what is to be said about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub path: PathMatch,
    /// A Prefix that was taken as an expression, because it looks like one.
    pub implied: bool,
}

/// Why a path cannot be matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unmatched {
    Path(PathError),
    /// With the part of the path that no expression begins in, for the route that answers 503.
    Regex(RegexError, Option<NormalPath>),
}

/// Whether one path of an Ingress in the nginx profile makes every path of its host an expression.
pub(crate) fn spreads_regex(claims: &Claims, path: &PathClaim) -> bool {
    claims.profile == Profile::Nginx
        && (claims.settings.use_regex == Some(true) || rewrites(claims, path))
}

/// Whether `rewrite-target` changes anything about this path: a target that is the path does not.
pub(crate) fn rewrites(claims: &Claims, path: &PathClaim) -> bool {
    let target = claims.settings.rewrite.as_ref();
    target.is_some_and(|target| target.to_string() != *path.path)
}

/// How a path is matched, on a host where ingress-nginx takes every path as an expression or not.
pub(crate) fn read(
    claims: &Claims,
    path: &PathClaim,
    nginx_regex: bool,
) -> Result<Reading, Unmatched> {
    let text = &path.path;
    if !text.starts_with('/') {
        return Err(Unmatched::Path(PathError::NotAbsolute));
    }
    let literal = |path: Result<NormalPath, PathError>, make: fn(NormalPath) -> PathMatch| {
        let path = path.map(make).map_err(Unmatched::Path)?;
        Ok(Reading {
            path,
            implied: false,
        })
    };
    match kind(claims, path, nginx_regex) {
        As::Exact => literal(text.parse(), PathMatch::Exact),
        As::Prefix => literal(text.parse(), PathMatch::Prefix),
        As::Regex {
            ignore_case,
            implied,
        } => {
            let regex = PathRegex {
                pattern: text.clone(),
                ignore_case,
            };
            match regex.compile() {
                Ok(_) => Ok(Reading {
                    path: PathMatch::Regex(regex),
                    implied,
                }),
                Err(error) => Err(Unmatched::Regex(error, before_expression(text))),
            }
        }
    }
}

enum As {
    Exact,
    Prefix,
    Regex { ignore_case: bool, implied: bool },
}

fn kind(claims: &Claims, path: &PathClaim, nginx_regex: bool) -> As {
    let regex = As::Regex {
        ignore_case: false,
        implied: false,
    };
    let use_regex = claims.settings.use_regex == Some(true);
    match (claims.profile, path.path_type) {
        (Profile::Nginx, _) if nginx_regex => As::Regex {
            ignore_case: true,
            implied: false,
        },
        (_, PathType::Exact) => As::Exact,
        (Profile::Nginx, _) => As::Prefix,
        (Profile::Standard, _) if use_regex => regex,
        (Profile::Standard, _) if !rewrites(claims, path) => As::Prefix,
        (Profile::Standard, PathType::ImplementationSpecific) => regex,
        (Profile::Standard, PathType::Prefix) => match is_expression(&path.path) {
            true => As::Regex {
                ignore_case: false,
                implied: true,
            },
            false => As::Prefix,
        },
    }
}

/// The characters that make an expression; a dot also stands in plain paths.
const SPECIAL: [char; 13] = [
    '(', ')', '[', ']', '{', '}', '*', '+', '?', '|', '^', '$', '\\',
];

fn is_expression(path: &str) -> bool {
    path.contains(SPECIAL)
}

/// The elements of a path before the first special character; `None` when that is all paths.
fn before_expression(path: &str) -> Option<NormalPath> {
    let (plain, _) = path.split_once(SPECIAL).unwrap_or((path, ""));
    let (elements, _) = plain.rsplit_once('/')?;
    let path = elements.parse::<NormalPath>().ok()?;
    (path.as_str() != "/").then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_an_expression_is_whole_elements() {
        for (path, expected) in [
            ("/api/v1/(?=x)", Some("/api/v1")),
            ("/api/v(1", Some("/api")),
            ("/(a", None),
            ("/a(", None),
        ] {
            let before = before_expression(path);
            assert_eq!(before.as_ref().map(NormalPath::as_str), expected, "{path}");
        }
    }
}
