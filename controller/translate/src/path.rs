//! One claimed path to what the table matches by: literal or a regular expression.
//!
//! This is the only place where the two profiles read a path differently.

use portreeve_table::{NormalPath, PathError, PathMatch, PathRegex, RegexError};

use crate::beginning::{Beginning, beginnings, is_expression};
use crate::ingress::{Claims, PathClaim, PathType};
use crate::options::Profile;

/// How a path is matched, and what is to be said about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub path: PathMatch,
    /// The steps of the expression.
    pub steps: usize,
    /// A Prefix that was taken as an expression, because it looks like one.
    pub implied: bool,
}

/// A path that cannot be matched, and what it is likely to mean instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unmatched {
    pub why: Why,
    pub meant: Meant,
    /// Whether some of it could be any path, so that what is `meant` is not all.
    pub is_open: bool,
}

/// What takes at least the requests that a path was meant for, as far as that can be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    Path(Option<PathMatch>),
    /// How an expression begins that is so long.
    Beginnings(Vec<Beginning>, usize),
}

/// Why a path cannot be matched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Path(PathError),
    /// Its type is none that there is.
    Type,
    Regex(RegexError),
    /// The expressions of its Ingress come to too much together.
    TooMany,
}

/// How many steps the expressions of one Ingress may come to, on all its hosts: about 32 MiB.
pub(crate) const STEPS: usize = 500_000;

impl Reading {
    /// The same, unless it needs more than is `left` of [`STEPS`].
    pub(crate) fn within(self, left: &mut usize) -> Result<Self, Unmatched> {
        match (left.checked_sub(self.steps), &self.path) {
            (None, PathMatch::Regex(regex)) => Err(no_expression(
                &regex.pattern,
                regex.ignore_case,
                Why::TooMany,
            )),
            (rest, _) => {
                *left = rest.unwrap_or_default();
                Ok(self)
            }
        }
    }
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
    let reading = read_text(claims, path, nginx_regex)?;
    if path.path_type != PathType::Unknown {
        return Ok(reading);
    }
    Err(match reading.path {
        PathMatch::Regex(regex) => no_expression(&regex.pattern, regex.ignore_case, Why::Type),
        path => Unmatched {
            why: Why::Type,
            meant: Meant::Path(Some(path)),
            is_open: false,
        },
    })
}

fn read_text(claims: &Claims, path: &PathClaim, nginx_regex: bool) -> Result<Reading, Unmatched> {
    let text = &path.path;
    let literal = |path: Result<NormalPath, PathError>, make: fn(NormalPath) -> PathMatch| {
        let path = path.map(make).map_err(|error| no_path(text, error, make))?;
        Ok(Reading {
            path,
            steps: 0,
            implied: false,
        })
    };
    match kind(claims, path, nginx_regex) {
        As::Regex { ignore_case, .. } if !text.starts_with('/') => {
            let text = text.strip_prefix('^').unwrap_or(text);
            let text = format!("/{}", text.trim_start_matches('/'));
            let why = Why::Path(PathError::NotAbsolute);
            Err(no_expression(&text, ignore_case, why))
        }
        // No request has one, so it is no part of any path, but perhaps of a payload.
        As::Regex { ignore_case, .. } if text.contains(char::is_control) => {
            let why = Why::Path(PathError::Control);
            Err(no_expression(text, ignore_case, why))
        }
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
            match regex.check() {
                Ok(shape) => Ok(Reading {
                    path: PathMatch::Regex(regex),
                    steps: shape.steps,
                    implied,
                }),
                Err(error) => Err(no_expression(text, ignore_case, Why::Regex(error))),
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
        (Profile::Standard, PathType::Unknown) => As::Prefix,
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

/// Whether a path is obviously an expression for every path.
pub(crate) fn is_everything(path: &PathMatch) -> bool {
    let PathMatch::Regex(regex) = path else {
        return false;
    };
    let bare: String = regex
        .pattern
        .chars()
        .filter(|c| !matches!(c, '(' | ')' | '^' | '$'))
        .collect();
    matches!(&*bare, "/.*" | "/.+" | "/?.*" | ".*" | "/|/.*" | "/|/.+")
}

/// The path that the author of one that is none is likely to have meant.
fn no_path(text: &str, error: PathError, make: fn(NormalPath) -> PathMatch) -> Unmatched {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (path, _) = text.split_at_checked(end).unwrap_or((text, ""));
    let meant = match error {
        // A percent sign that starts no escape is meant as itself.
        PathError::BadEscape => path.replace('%', "%25"),
        PathError::AboveRoot => path.replace("..", "."),
        _ => path.into(),
    };
    let meant = NormalPath::parse(&format!("/{}", meant.trim_start_matches('/')));
    let meant = meant.ok().filter(|path| path.as_str() != "/");
    Unmatched {
        why: Why::Path(error),
        // No request has a path that cannot be one, unless it is meant as another.
        is_open: meant.is_none() && matches!(error, PathError::NotAbsolute | PathError::NotAPath),
        meant: Meant::Path(meant.map(make)),
    }
}

/// How the alternatives begin of what is no expression.
fn no_expression(text: &str, ignore_case: bool, why: Why) -> Unmatched {
    let (begins, open): (Vec<_>, Vec<_>) = beginnings(text)
        .into_iter()
        .partition(|begin| begin.len() > 1);
    let begins = begins
        .into_iter()
        .map(|text| Beginning { text, ignore_case });
    Unmatched {
        why,
        meant: Meant::Beginnings(begins.collect(), text.len()),
        is_open: !open.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_means_another() {
        for (path, expected) in [
            ("secret", Some("/secret")),
            ("/secret?x=1", Some("/secret")),
            ("/50%off", Some("/50%25off")),
            ("/../up", Some("/up")),
            ("?", None),
            ("/a\u{1}", None),
        ] {
            let error = path.parse::<NormalPath>().unwrap_err();
            for make in [PathMatch::Prefix, PathMatch::Exact] {
                let expected = expected.map(|path| make(path.parse().unwrap()));
                let meant = no_path(path, error, make).meant;
                assert_eq!(meant, Meant::Path(expected), "{path:?}");
            }
        }
    }
}
