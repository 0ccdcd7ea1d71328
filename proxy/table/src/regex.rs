//! Regular expressions for paths: linear in time, bounded in size, anchored at the start.
//!
//! They match bytes, as ingress-nginx's do: `.` is any byte, `\w` and `\d` are ASCII, and a character
//! beyond ASCII stands for the bytes it is written in.

use std::fmt;

use regex_syntax::hir::{Class, Hir, HirKind};
use serde::{Deserialize, Serialize};

/// A regular expression that the beginning of a path must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathRegex {
    /// The expression, in the syntax of the `regex` crate: no look-around, no back-references.
    pub pattern: Box<str>,
    /// Whether case does not matter.
    #[serde(default)]
    pub ignore_case: bool,
}

/// A compiled [`PathRegex`]. It matches bytes, because a decoded path need not be UTF-8: a byte that
/// no character is made of must not be a way around a rule.
#[derive(Clone, Debug)]
pub struct CompiledRegex(regex::bytes::Regex);

/// What can be told of an expression without compiling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many groups there are, the whole match not counted.
    pub groups: usize,
    /// How many steps it has when its repetitions are written out; memory grows with them.
    pub steps: usize,
}

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// Not an expression.
    #[error("{0}")]
    Syntax(String),
    /// One that needs back-tracking.
    #[error(
        "look-around and back-references are not offered, because they let a request stall the proxy"
    )]
    Backtracking,
    /// A class of characters that are more than one byte.
    #[error(
        "paths are matched byte by byte, so a class holds ASCII characters only; write (é|è) for [éè]"
    )]
    WideClass,
    /// It has more than [`STEP_LIMIT`] steps.
    #[error(
        "it has more than {STEP_LIMIT} steps with its repetitions written out; use fewer or smaller ones"
    )]
    TooLarge,
}

/// How many steps an expression may have.
pub const STEP_LIMIT: usize = 10_000;

/// No expression of [`STEP_LIMIT`] steps comes near it.
const SIZE_LIMIT: usize = 64 << 20;
const CACHE_LIMIT: usize = 1 << 20;
const NEST_LIMIT: u32 = 64;

impl PathRegex {
    /// Whether it can be compiled, which is found out at a small part of the cost.
    ///
    /// # Errors
    /// When it is no expression, or too large.
    pub fn check(&self) -> Result<Shape, RegexError> {
        // An expression that ends in a comment or closes a group it did not open must not be able
        // to swallow our own anchor, so it has to stand on its own first.
        self.parse(&self.pattern)?;
        let hir = self.parse(&self.anchored())?;
        let steps = steps(&hir);
        match steps {
            0..=STEP_LIMIT => Ok(Shape {
                groups: hir.properties().explicit_captures_len(),
                steps,
            }),
            _ => Err(RegexError::TooLarge),
        }
    }

    /// Compiles it.
    ///
    /// # Errors
    /// When it is no expression, or too large.
    pub fn compile(&self) -> Result<CompiledRegex, RegexError> {
        self.check()?;
        let built = regex::bytes::RegexBuilder::new(&self.anchored())
            .unicode(false)
            .case_insensitive(self.ignore_case)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(CACHE_LIMIT)
            .nest_limit(NEST_LIMIT + 1)
            .build();
        built.map(CompiledRegex).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => RegexError::TooLarge,
            other => RegexError::Syntax(last_line(&other.to_string())),
        })
    }

    fn anchored(&self) -> String {
        format!("^(?:{})", self.pattern)
    }

    fn parse(&self, pattern: &str) -> Result<Hir, RegexError> {
        regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(self.ignore_case)
            .nest_limit(NEST_LIMIT)
            .build()
            .parse(pattern)
            .map_err(refused)
    }
}

fn refused(error: regex_syntax::Error) -> RegexError {
    use regex_syntax::{Error, ast, hir};
    match &error {
        Error::Parse(parse) => match parse.kind() {
            ast::ErrorKind::UnsupportedLookAround | ast::ErrorKind::UnsupportedBackreference => {
                RegexError::Backtracking
            }
            kind => RegexError::Syntax(kind.to_string()),
        },
        Error::Translate(translate) => match translate.kind() {
            hir::ErrorKind::UnicodeNotAllowed => RegexError::WideClass,
            kind => RegexError::Syntax(kind.to_string()),
        },
        other => RegexError::Syntax(last_line(&other.to_string())),
    }
}

/// The steps of an expression, with its repetitions written out.
fn steps(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len().max(1),
        // Only behind an inline `(?u)`: each range may take a step for each of four bytes.
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(4).max(1),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            steps(&repetition.sub)
                .saturating_add(1)
                .saturating_mul(times)
        }
        HirKind::Capture(capture) => steps(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts
            .iter()
            .fold(1, |sum, part| steps(part).saturating_add(sum)),
    }
}

/// The crate's messages draw the expression over several lines; the last one says what is wrong.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or(message);
    line.trim_start_matches("error: ").to_string()
}

impl fmt::Display for PathRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl CompiledRegex {
    /// Whether the beginning of `path` (percent-decoded) matches.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.0.is_match(path)
    }

    /// The groups of the match, the whole first; `None` when it does not match.
    pub fn groups<'p>(&self, path: &'p [u8]) -> Option<Vec<&'p [u8]>> {
        let captures = self.0.captures(path)?;
        let bytes =
            |group: Option<regex::bytes::Match<'p>>| group.map_or(&[][..], |g| g.as_bytes());
        Some(captures.iter().map(bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str, ignore_case: bool) -> PathRegex {
        PathRegex {
            pattern: pattern.into(),
            ignore_case,
        }
    }

    #[test]
    fn it_is_anchored_at_the_start_only() {
        let compiled = regex("/a[0-9]", false).compile().unwrap();
        for (path, expected) in [
            ("/a1", true),
            ("/a1/x", true),
            ("/x/a1", false),
            ("/A1", false),
        ] {
            assert_eq!(compiled.is_match(path.as_bytes()), expected, "{path}");
        }
        assert!(regex("/a", true).compile().unwrap().is_match(b"/A"));
    }

    #[test]
    fn an_alternative_does_not_escape_the_anchor() {
        let compiled = regex("/a|/b", false).compile().unwrap();
        assert!(compiled.is_match(b"/b") && !compiled.is_match(b"/x/b"));
    }

    #[test]
    fn what_cannot_be_compiled_says_why() {
        for pattern in ["/a(", "/a)|(?:/b", "/a(?x) # "] {
            let error = regex(pattern, false).compile().err();
            assert!(matches!(error, Some(RegexError::Syntax(_))), "{error:?}");
        }
        for (pattern, expected) in [
            ("/(?=x)", RegexError::Backtracking),
            (r"/(a)\1", RegexError::Backtracking),
            ("/[é]", RegexError::WideClass),
            (r"/\pL", RegexError::WideClass),
            ("/(a{1000}){1000}", RegexError::TooLarge),
            ("/((a{99}){99}){99}", RegexError::TooLarge),
        ] {
            let error = regex(pattern, false).compile().err();
            assert_eq!(error, Some(expected), "{pattern}");
        }
    }

    #[test]
    fn every_byte_is_matched() {
        for (pattern, ignore_case, path, expected) in [
            ("/[^/]+/admin", false, &b"/\xff/admin"[..], true),
            ("/.+/admin", true, b"/\xff\xfe/ADMIN", true),
            ("/café", false, "/café".as_bytes(), true),
            ("/(café|thé)+/x", true, "/théCAFé/X".as_bytes(), true),
            ("/café", false, "/cafè".as_bytes(), false),
            (r"/\w/", false, "/é/".as_bytes(), false),
        ] {
            let compiled = regex(pattern, ignore_case).compile().unwrap();
            assert_eq!(compiled.is_match(path), expected, "{pattern} {path:?}");
        }
    }

    #[test]
    fn everyday_expressions_are_small() {
        for pattern in [
            r"/user/[\w-]{1,64}/x",
            r"/t/\d{4}-\d{2}-\d{2}/[\w.-]{1,128}",
            r"/api/v[0-9]+(/|$)(.*)",
        ] {
            let shape = regex(pattern, true).check().unwrap();
            assert!(shape.steps < STEP_LIMIT / 4, "{pattern}: {}", shape.steps);
        }
    }

    #[test]
    fn what_passes_the_check_compiles() {
        for pattern in [
            "/[a-z]{1,3000}/x",
            "/(?:[a-z][0-9]){1,1600}",
            "/(?:(?:a|bc)*){900}",
        ] {
            let regex = regex(pattern, true);
            assert!(
                regex.check().is_ok() && regex.compile().is_ok(),
                "{pattern}"
            );
        }
    }
}
