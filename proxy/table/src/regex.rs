//! Regular expressions for paths: linear in time, bounded in size, anchored at the start.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A regular expression that the beginning of a path must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRegex {
    /// The expression, in the syntax of the `regex` crate: no look-around, no back-references.
    pub pattern: Box<str>,
    /// Whether case does not matter.
    #[serde(default)]
    pub ignore_case: bool,
}

/// A compiled [`PathRegex`]. It matches bytes, because a decoded path need not be UTF-8.
#[derive(Clone, Debug)]
pub struct CompiledRegex(regex::bytes::Regex);

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// Not an expression, or one that needs back-tracking.
    #[error(
        "{0}; look-around and back-references are not offered, because they let a request stall the proxy"
    )]
    Syntax(String),
    /// Larger than 1 MiB when compiled.
    #[error("it needs more than {} KiB when compiled; use fewer or smaller repetitions", SIZE_LIMIT / 1024)]
    TooLarge,
}

const SIZE_LIMIT: usize = 1 << 20;
const NEST_LIMIT: u32 = 64;

impl PathRegex {
    /// Compiles it.
    ///
    /// # Errors
    /// When it is no expression, or too large.
    pub fn compile(&self) -> Result<CompiledRegex, RegexError> {
        // An expression that ends in a comment or closes a group it did not open must not be able
        // to swallow our own anchor, so it has to stand on its own first.
        self.build(&self.pattern)?;
        self.build(&format!("^(?:{})", self.pattern))
            .map(CompiledRegex)
    }

    fn build(&self, pattern: &str) -> Result<regex::bytes::Regex, RegexError> {
        regex::bytes::RegexBuilder::new(pattern)
            .case_insensitive(self.ignore_case)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => RegexError::TooLarge,
                other => RegexError::Syntax(last_line(&other.to_string())),
            })
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

    /// How many groups there are, the whole match not counted.
    pub fn group_count(&self) -> usize {
        self.0.captures_len().saturating_sub(1)
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
        for pattern in ["/a(", "/(?=x)", r"/(a)\1", "/a)|(?:/b", "/a(?x) # "] {
            let error = regex(pattern, false).compile();
            assert!(
                matches!(error, Err(RegexError::Syntax(_))) || pattern.contains('#'),
                "{pattern}: {error:?}"
            );
        }
        assert_eq!(
            regex("/(a{1000}){1000}", false).compile().err(),
            Some(RegexError::TooLarge)
        );
    }
}
