//! Which virtual host answers for a name: exact first, then wildcard, then the default.
//!
//! A host that matched is final. When none of its paths match, the answer is "not found" and
//! never a less specific host's path: the Ingress API matches the host before the path.
//! Nothing here allocates while a request is being matched.

use std::fmt;
use std::str::FromStr;

use rustc_hash::FxHashMap;

use crate::shorten::shorten;
use crate::text::serde_as_text;

/// A host as a rule writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This name only, in lower case and without a trailing dot.
    Exact(Box<str>),
    /// Exactly one label before this parent: `*.example.com` is `Wildcard("example.com")`.
    Wildcard(Box<str>),
    /// Every name: the rule had no host. Written `*`.
    Any,
}

serde_as_text!(HostPattern);

/// Why a rule's host cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Ports and addresses belong to listeners, not to rules.
    #[error(
        "{0:?} is not a host name; write a DNS name such as shop.example.com, or *.example.com"
    )]
    NotAName(String),
    /// RFC 1123 names are at most 253 bytes, their labels at most 63.
    #[error("{0:?} is longer than DNS allows (253 bytes, 63 a label)")]
    TooLong(String),
}

impl HostPattern {
    /// A host from a rule or a certificate, where `*` alone is not allowed.
    ///
    /// # Errors
    /// When the text is not a DNS name, with or without one leading `*` label.
    pub fn parse(rule: &str) -> Result<Self, HostError> {
        let name = rule.strip_suffix('.').unwrap_or(rule).to_ascii_lowercase();
        let (parent, wildcard) = match name.strip_prefix("*.") {
            Some(parent) => (parent, true),
            None => (name.as_str(), false),
        };
        if parent.len() > 253 || parent.split('.').any(|label| label.len() > 63) {
            return Err(HostError::TooLong(shorten(rule).into()));
        }
        if !parent.split('.').all(is_label) || parent.parse::<std::net::IpAddr>().is_ok() {
            return Err(HostError::NotAName(shorten(rule).into()));
        }
        Ok(if wildcard {
            Self::Wildcard(parent.into())
        } else {
            Self::Exact(parent.into())
        })
    }

    /// Whether `name` (lower case, without port or trailing dot) is one that this pattern answers for.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *name,
            Self::Wildcard(parent) => name.split_once('.').is_some_and(|(_, p)| p == &**parent),
            Self::Any => true,
        }
    }

    /// The wildcard that answers for this name too, when it is one with a parent.
    pub fn wildcard(&self) -> Option<Self> {
        match self {
            Self::Exact(name) => Some(Self::Wildcard(name.split_once('.')?.1.into())),
            Self::Wildcard(_) | Self::Any => None,
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        match text {
            "*" => Ok(Self::Any),
            rule => Self::parse(rule),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// RFC 1123, section 2.1: letters, digits and inner hyphens.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Something for each host, ready to be asked by name.
#[derive(Clone, Debug)]
pub struct Hosts<T> {
    exact: FxHashMap<Box<str>, T>,
    by_parent: FxHashMap<Box<str>, T>,
    any: Option<T>,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            exact: FxHashMap::default(),
            by_parent: FxHashMap::default(),
            any: None,
        }
    }
}

impl<T> FromIterator<(HostPattern, T)> for Hosts<T> {
    fn from_iter<I: IntoIterator<Item = (HostPattern, T)>>(hosts: I) -> Self {
        let mut all = Self::default();
        for (pattern, host) in hosts {
            match pattern {
                HostPattern::Exact(name) => drop(all.exact.insert(name, host)),
                HostPattern::Wildcard(parent) => drop(all.by_parent.insert(parent, host)),
                HostPattern::Any => all.any = Some(host),
            }
        }
        all
    }
}

impl<T> Hosts<T> {
    /// The most specific host for `name`, which is lower case, without port or trailing dot.
    pub fn find(&self, name: &str) -> Option<&T> {
        let parent = || {
            name.split_once('.')
                .and_then(|(_, parent)| self.by_parent.get(parent))
        };
        self.exact.get(name).or_else(parent).or(self.any.as_ref())
    }

    /// What stands under exactly this pattern.
    pub fn get(&self, pattern: &HostPattern) -> Option<&T> {
        match pattern {
            HostPattern::Exact(name) => self.exact.get(name),
            HostPattern::Wildcard(parent) => self.by_parent.get(parent),
            HostPattern::Any => self.any.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(patterns: &[&'static str]) -> Hosts<&'static str> {
        patterns.iter().map(|p| (p.parse().unwrap(), *p)).collect()
    }

    #[test]
    fn the_most_specific_host_wins() {
        let hosts = hosts(&["*", "*.shop.example", "eu.shop.example"]);
        for (name, expected) in [
            ("eu.shop.example", "eu.shop.example"),
            ("us.shop.example", "*.shop.example"),
            ("shop.example", "*"),      // a wildcard needs a label
            ("a.us.shop.example", "*"), // and only one
            ("elsewhere.example", "*"),
        ] {
            assert_eq!(hosts.find(name), Some(&expected), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_fix() {
        for rule in [
            "",
            "*",
            "shop.example:8080",
            "10.0.0.1",
            "::1",
            "a..b",
            "-a.example",
            "a b",
            "*.*.example",
            "a*.example",
            "*.",
        ] {
            assert!(
                matches!(HostPattern::parse(rule), Err(HostError::NotAName(_))),
                "{rule}"
            );
        }
        let message = HostPattern::parse("shop.example:8080")
            .unwrap_err()
            .to_string();
        assert!(message.contains("shop.example:8080") && message.contains("write a DNS name"));
    }

    #[test]
    fn case_and_a_trailing_dot_do_not_matter() {
        assert_eq!(
            HostPattern::parse("Shop.Example."),
            Ok(HostPattern::Exact("shop.example".into()))
        );
    }

    #[test]
    fn a_pattern_is_read_back_from_its_text() {
        for text in ["*", "*.shop.example", "shop.example"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }
}
